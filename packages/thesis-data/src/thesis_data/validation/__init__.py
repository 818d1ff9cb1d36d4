"""What a file of events holds and what is wrong with it (numpy and h5py only, no torch)."""

from thesis_data.validation.inspection import FileReport, SplitReport, inspect_file
from thesis_data.validation.problems import Problem
from thesis_data.validation.text import describe, list_problems

__all__ = ["FileReport", "Problem", "SplitReport", "describe", "inspect_file", "list_problems"]
