//go:build !unix

package main

import "syscall"

// ownGroup has nothing to set where the demo does not run.
func ownGroup() *syscall.SysProcAttr { return nil }
