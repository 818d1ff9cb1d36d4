"""Where an object stands among the objects of its event, told to the model.

Objects are a set: without positions (the default) a model can't tell one order from another.
CLS and MET tokens have none, for they belong to the event.
"""
