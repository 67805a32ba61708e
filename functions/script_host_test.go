package main

import (
	"context"
	"net"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/rogpeppe/go-internal/testscript"

	"azcollector/internal/state/azurite"
)

// storage gives each script that asks an Azurite of its own: the worlds of all
// scripts have the same tenant, and one queue would mix their messages.
type storage struct{}

func (storage) connect(ts *testscript.TestScript) string {
	if running := ts.Getenv("AZURITE"); running != "" {
		return running
	}
	connection, stop, err := azurite.Run()
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("AZURITE", connection)
	return connection
}

// commands are those that need the Functions host's surroundings.
func (s storage) commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"hosted": s.hosted, "stored": s.stored, "rows": s.rows}
}

// hosted puts the collector under the Functions host: its port instead of a
// listener of its own, and the storage account that the host has as well.
func (s storage) hosted(ts *testscript.TestScript, neg bool, args []string) {
	_, port, err := net.SplitHostPort(ts.Getenv("LISTEN"))
	ts.Check(err)
	for name, value := range map[string]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": port, "AzureWebJobsStorage": s.connect(ts),
		"LISTEN": "", "TLS_CERT": "", "TLS_KEY": "", "STATE_DIR": "",
	} {
		ts.Setenv(name, value)
	}
	onStage(ts).webhook = "http://127.0.0.1:" + port + hostWebhookPath
}

// stored gives the collector a storage account, while it runs by itself.
func (s storage) stored(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("AzureWebJobsStorage", s.connect(ts))
	ts.Setenv("STATE_DIR", "")
}

// rows TABLE STATE N waits until this world has N rows of a table with a State, by
// Microsoft's own client.
func (s storage) rows(ts *testscript.TestScript, neg bool, args []string) {
	service, err := aztables.NewServiceClientFromConnectionString(s.connect(ts), nil)
	ts.Check(err)
	tenant := ts.Getenv("APP_TENANT_ID")
	filter := "PartitionKey ge '" + tenant + "|' and PartitionKey lt '" + tenant + "}' and State eq '" + args[1] + "'"
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		pager := service.NewClient(args[0]).NewListEntitiesPager(&aztables.ListEntitiesOptions{Filter: &filter})
		n := 0
		for pager.More() {
			page, err := pager.NextPage(context.Background())
			ts.Check(err)
			n += len(page.Entities)
		}
		if n == number(ts, args[2]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("table %s holds %d rows with State %s, want %s", args[0], n, args[1], args[2])
		}
	}
}
