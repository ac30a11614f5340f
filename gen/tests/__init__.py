"""Tests of the generator: /usr/bin/python3 -m unittest discover -s gen/tests -t ."""
