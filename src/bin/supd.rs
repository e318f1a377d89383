//! supd: arguments to role to exit code.
fn main() {}
