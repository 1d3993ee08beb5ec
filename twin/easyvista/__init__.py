"""Api of EasyVista Service Manager: the part of its REST interface that a mail connector needs.

Public sources, named in the docstrings by the words in brackets: wiki.easyvista.com, "REST API - ..." pages [EasyVista
wiki]; the measurements and transcripts in github.com/baraline/easyvista_python_client, docs/ [python client]; the
route table in github.com/Easyvista/Restpopulatedb [vendor's routes]. Where they are silent a switch decides.
"""
