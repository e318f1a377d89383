//! System calls that need `unsafe`.
