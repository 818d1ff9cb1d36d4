"""What models cost beside what they reach."""
