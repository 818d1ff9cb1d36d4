"""What pooled embeddings separate: maps, probes, alignment."""
