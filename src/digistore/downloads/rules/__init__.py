"""Pure decisions about downloads: what a token says, what HTTP says, what a file is called."""
