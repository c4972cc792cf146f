"""Every page in every state, for whoever brands them: in debug mode alone, of nobody's account, without a store.

`states` says which there are, `nobody` makes the request in which they are drawn, `gallery` shows them in a browser,
and `shots` pictures them.
"""
