//! The loop that joins the modules.
