package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"azcollector/internal/state/azurite"
)

// accounts are storage accounts of one Azurite, which is started with the first: each
// trial has one of its own, for all have the same tenant and the same queue's name.
type accounts struct {
	mu         sync.Mutex
	connection string
	stop       func()
	given      int
}

const (
	mostAccounts = 1200 // their names and keys fit into one variable of 128 KiB
	// knownAccount and knownKey are those of every Azurite ("Well-known storage account
	// and key" in Microsoft's "Use the Azurite emulator").
	knownAccount = "devstoreaccount1"
	knownKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// next is the connection string of an account that nobody had.
func (a *accounts) next() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.connection == "" {
		if err := a.start(); err != nil {
			return "", err
		}
	}
	if a.given++; a.given > mostAccounts {
		return "", errors.New("there are no more accounts: take fewer steps at a time")
	}
	return strings.ReplaceAll(a.connection, knownAccount, crashAccount(a.given)), nil
}

func crashAccount(n int) string { return fmt.Sprintf("crash%04d", n) }

func (a *accounts) start() (err error) {
	names := []string{knownAccount + ":" + knownKey}
	for n := range mostAccounts {
		names = append(names, crashAccount(n+1)+":"+knownKey)
	}
	if err := os.Setenv("AZURITE_ACCOUNTS", strings.Join(names, ";")); err != nil {
		return fmt.Errorf("name the accounts: %w", err)
	}
	a.connection, a.stop, err = azurite.Run()
	return err
}

func (a *accounts) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != nil {
		a.stop()
	}
}
