"""Where everybody is: REGISTER, the bindings that it leaves, and the dialogs that follow their phones."""
