"""Relativistic kinematics on tensors, in GeV and rad."""
