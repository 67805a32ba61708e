//go:build unix

package main

import "syscall"

// ownGroup keeps the terminal's Ctrl-C from the collector: we pass one on, and a
// second one would end it at once.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
