"""Pure decisions about money: merging what is told, judging payments, deriving what follows."""
