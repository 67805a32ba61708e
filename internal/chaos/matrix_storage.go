package main

import (
	"cmp"
	"context"
	"sync"
	"time"

	"azcollector/internal/sim"
)

// storage is the collector by itself with a storage account: what can be broken is what
// it asks of tables, queue and blobs. It listens to its queue, as the Functions host does
// for its apps.
func storage() lane {
	var emulator emulator
	return lane{
		name: "storage", operations: storageOperations(), faults: storageFaults(), course: keepOn,
		within: 5 * time.Minute, // a message that was lost is missed after two minutes, and a lease ends after one
		furnish: func(_ context.Context, w *sim.World, _ string) (*furniture, error) {
			connection, leave, err := emulator.enter()
			if err != nil {
				return nil, err
			}
			before, err := w.Storage(connection)
			if err != nil {
				leave()
				return nil, err
			}
			return &furniture{
				env:   []string{"AzureWebJobsStorage=" + before.Connection, "PULL_SCHEDULE=*/2 * * * * *"},
				close: func() { before.Close(); leave() },
			}, nil
		},
	}
}

// storageFaults are those of every service; what a storage account refuses is no record.
func storageFaults() []fault {
	all := faults()
	for i := range all {
		all[i].letters = false
	}
	return all
}

// storageOperations name what failed as internal/state does.
func storageOperations() []operation {
	all := []operation{
		{name: sim.OpTableCreate, told: []string{"insert ", "write batch", "write row"}},
		{name: sim.OpTableRead, told: []string{"get "}},
		// Master's first run alone asks for 97 quarters of an hour within a second.
		{name: sim.OpTableQuery, told: []string{"list "}, most: 160},
		{name: sim.OpTableInsert, told: []string{"insert "}},
		{name: sim.OpTableWrite, told: []string{"replace "}},
		{name: sim.OpTableDelete, told: []string{"delete "}},
		{name: sim.OpTableBatch, told: []string{"write batch"}},
		{name: sim.OpQueueCreate, told: []string{"create queue"}},
		{name: sim.OpQueueCount, told: []string{"count messages"}},
		{name: sim.OpQueuePut, told: []string{"wake "}},
		{name: sim.OpQueueTake, told: []string{"receive messages"}},
		{name: sim.OpQueueDelete, told: []string{"forget message"}},
		{name: sim.OpPayloadCreate, told: []string{"write payload"}},
		{name: sim.OpPayloadPut, told: []string{"write payload"}},
		{name: sim.OpPayloadGet, told: []string{"read payload"}},
		{name: sim.OpPayloadDelete, told: []string{"delete payload"}},
	}
	for i := range all {
		all[i].op, all[i].most = all[i].name, cmp.Or(all[i].most, 80)
	}
	return all
}

// An emulator is one Azurite for all cells that run at a time: each has an account of
// its own. It ends with the last of them.
type emulator struct {
	mu       sync.Mutex
	accounts *accounts
	inside   int
}

func (e *emulator) enter() (connection string, leave func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inside == 0 {
		e.accounts = &accounts{}
	}
	if connection, err = e.accounts.next(); err != nil {
		if e.inside == 0 {
			e.accounts.close()
		}
		return "", nil, err
	}
	e.inside++
	return connection, e.leave, nil
}

func (e *emulator) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inside--; e.inside == 0 {
		e.accounts.close()
	}
}
