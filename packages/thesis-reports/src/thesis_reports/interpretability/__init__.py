"""What training read off a model: attention, biases, embeddings of object ids."""
