//! Every refusal is a problem of its own code.
