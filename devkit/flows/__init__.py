"""The sample flows: read, checked, and written in the three containers that Power Automate and Logic Apps import.

`power-automate/flows/*.json` is the one source. `check` holds it against the connector's definition; `solution`,
`legacy` and `logic_apps` turn it into what is imported; `build` writes everything.
"""
