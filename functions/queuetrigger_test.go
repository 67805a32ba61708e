package main

import (
	"encoding/base64"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"
)

const (
	contentQueue = "o365-content"
	// maxDequeueCount is host.json's: a message that failed so often is put aside.
	maxDequeueCount = 5
	// batchSize is host.json's as well.
	batchSize = 8
	// hiddenFor is how long the host hides a message while its function runs.
	hiddenFor = 600
)

// A queueTrigger does what the Functions host does for a queue trigger: it hands
// messages to the function, deletes those that succeeded, and moves those that
// failed too often to the poison queue. It knows the queue by Microsoft's own client.
type queueTrigger struct {
	t             *testing.T
	queue, poison *azqueue.QueueClient
	poisoned      int
	handed        [][]byte // envelopes of all messages handed over
}

func newQueueTrigger(t *testing.T, storage string) *queueTrigger {
	t.Helper()
	client := func(name string) *azqueue.QueueClient {
		q, err := azqueue.NewQueueClientFromConnectionString(storage, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Create(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		return q
	}
	return &queueTrigger{t: t, queue: client(contentQueue), poison: client(contentQueue + "-poison")}
}

// turn hands over what is in the queue now, and returns how many messages failed.
func (q *queueTrigger) turn(h *fakeHost) (failed int) {
	q.t.Helper()
	got, err := q.queue.DequeueMessages(q.t.Context(), &azqueue.DequeueMessagesOptions{
		NumberOfMessages: new(int32(batchSize)), VisibilityTimeout: new(int32(hiddenFor)),
	})
	if err != nil {
		q.t.Fatal(err)
	}
	for _, m := range got.Messages {
		body, err := base64.StdEncoding.DecodeString(*m.MessageText)
		if err != nil {
			q.t.Errorf("the host expects base64, and finds %q", *m.MessageText)
		}
		envelope := queueEnvelope(q.t, string(body), *m.DequeueCount)
		q.handed = append(q.handed, envelope)
		if h.send("content", envelope).status/100 == 2 {
			q.delete(m)
			continue
		}
		failed++
		q.fail(m)
	}
	return failed
}

func (q *queueTrigger) delete(m *azqueue.DequeuedMessage) {
	q.t.Helper()
	if _, err := q.queue.DeleteMessage(q.t.Context(), *m.MessageID, *m.PopReceipt, nil); err != nil {
		q.t.Fatal(err)
	}
}

// fail gives the message back, or puts it aside.
func (q *queueTrigger) fail(m *azqueue.DequeuedMessage) {
	q.t.Helper()
	if *m.DequeueCount < maxDequeueCount {
		_, err := q.queue.UpdateMessage(q.t.Context(), *m.MessageID, *m.PopReceipt, *m.MessageText,
			&azqueue.UpdateMessageOptions{VisibilityTimeout: new(int32(0))})
		if err != nil {
			q.t.Fatal(err)
		}
		return
	}
	if _, err := q.poison.EnqueueMessage(q.t.Context(), *m.MessageText, nil); err != nil {
		q.t.Fatal(err)
	}
	q.poisoned++
	q.delete(m)
}

// empty empties the queue, as losing its messages would.
func (q *queueTrigger) empty() {
	q.t.Helper()
	if _, err := q.queue.ClearMessages(q.t.Context(), nil); err != nil {
		q.t.Fatal(err)
	}
}

// waiting is how many messages there are, hidden ones included.
func (q *queueTrigger) waiting() int {
	q.t.Helper()
	got, err := q.queue.GetProperties(q.t.Context(), nil)
	if err != nil {
		q.t.Fatal(err)
	}
	return int(*got.ApproximateMessagesCount)
}
