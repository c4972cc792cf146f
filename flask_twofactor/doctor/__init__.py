"""What goes wrong in practice with how a console is set up and run, and how to mend each.

Nothing here decides anything at a request. Views are read and not called; templates are rendered for nobody.
"""
