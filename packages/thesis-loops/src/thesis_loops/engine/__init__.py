"""What all loops share, as services that a recipe can use one by one."""
