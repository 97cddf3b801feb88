//! Ten kill points on the path: kill -9, restart, nothing lost, no effect twice.
