"""What a transformer has to be better than: a multilayer perceptron and boosted trees."""
