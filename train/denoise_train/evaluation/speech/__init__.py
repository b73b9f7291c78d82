"""Evaluation of speech: a model beside other enhancers."""
