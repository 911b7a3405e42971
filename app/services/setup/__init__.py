"""The set-up of a workspace as one document: fields, layouts, rights, roles, pipelines, templates and shared views.

`capture` reads it, `document` writes and reads files, `plan` compares two of them, `checks` says what stands in the
way, `apply` brings a workspace to one, `states` keeps the history.
"""
