"""Carriers and other servers: registered with, asked whether they are there, known by their addresses."""
