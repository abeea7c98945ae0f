"""
What people and programs can ask of a service that runs, and tell it to do.

Questions and commands are plain methods with typed parameters and answers
(C{status}, C{phones}, C{calls}, C{features}).  One table, C{routes}, says which of
them stands at which path and who may ask it; from it come the HTTP service
(C{web}), what is checked of a question (C{route}), and its description (C{openapi}).
"""
