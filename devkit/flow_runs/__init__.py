"""Run flows as the engine of Power Automate and Logic Apps runs them: expressions, actions, failures."""
