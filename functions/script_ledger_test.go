package main

import (
	"encoding/json"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// settled waits until the collector's own ledger says that nothing is pending: what has
// arrived may still have to be remembered.
func cmdSettled(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ts.Check(ts.Exec("azcollector", "status", "--json"))
		var status struct{ Contents map[string]int }
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &status))
		if status.Contents["pending"] == 0 && len(status.Contents) > 0 {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the ledger still says %v", status.Contents)
		}
	}
}
