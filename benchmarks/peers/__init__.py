"""What a host pays with other packages: each in an environment of its own, each doing its own work.

None of them does what another does, so these are no equal races; the work stands beside the number.
Nothing here imports the library but the module that measures it by the same floor.
"""
