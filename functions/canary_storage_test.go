package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"

	"azcollector/internal/sim"
)

// dumpStorage adds all rows, messages and blobs of a storage account to a search, as
// Microsoft's own clients read them.
func dumpStorage(t *testing.T, s *search, connection string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tables, err := aztables.NewServiceClientFromConnectionString(connection, nil)
	must(err)
	for pager := tables.NewListTablesPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		must(err)
		for _, table := range page.Tables {
			for rows := tables.NewClient(*table.Name).NewListEntitiesPager(nil); rows.More(); {
				page, err := rows.NextPage(t.Context())
				must(err)
				for _, row := range page.Entities {
					s.add("tables", string(row))
				}
			}
		}
	}
	queue, err := azqueue.NewQueueClientFromConnectionString(connection, "o365-content", nil)
	must(err)
	most := int32(32)
	messages, err := queue.PeekMessages(t.Context(), &azqueue.PeekMessagesOptions{NumberOfMessages: &most})
	must(err)
	for _, m := range messages.Messages {
		s.add("queue", *m.MessageText)
	}
	blobs, err := azblob.NewClientFromConnectionString(connection, nil)
	must(err)
	for containers := blobs.NewListContainersPager(nil); containers.More(); {
		page, err := containers.NextPage(t.Context())
		must(err)
		for _, container := range page.ContainerItems {
			dumpContainer(t, s, blobs, *container.Name)
		}
	}
}

func dumpContainer(t *testing.T, s *search, blobs *azblob.Client, container string) {
	t.Helper()
	for pager := blobs.NewListBlobsFlatPager(container, nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, blob := range page.Segment.BlobItems {
			resp, err := blobs.DownloadStream(t.Context(), container, *blob.Name, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			s.add("blobs", fmt.Sprintf("%s %s %v", *blob.Name, text, err))
		}
	}
}

// certifiedClient trusts a world's certificates.
func certifiedClient(t *testing.T, w *sim.World) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(dumpFile(t, w.CAFile())))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
