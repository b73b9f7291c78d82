"""Evaluation: a model beside plain filters."""
