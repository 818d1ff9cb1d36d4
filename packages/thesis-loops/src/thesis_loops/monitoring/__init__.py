"""Pictures of a run while it trains and when it ends; matplotlib is loaded when one is drawn."""
