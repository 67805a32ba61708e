package host

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"
)

const (
	// batchSize is how many messages the Functions host takes out of the queue at a
	// time, as host.json says, and hiddenFor for how long others do not see them.
	batchSize = 8
	hiddenFor = 10 * time.Minute
	// quiet is how long it rests when there was none.
	quiet = 200 * time.Millisecond
)

// A Queue is that of the function content, by Microsoft's own client: what the Functions
// host sees of it.
type Queue struct{ client *azqueue.QueueClient }

// OpenQueue opens the queue of a storage account.
func OpenQueue(connection string) (*Queue, error) {
	client, err := azqueue.NewQueueClientFromConnectionString(connection, "o365-content", nil)
	if err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	return &Queue{client}, nil
}

// Waiting is how many messages there are.
func (q *Queue) Waiting(ctx context.Context) (int, error) {
	p, err := q.client.GetProperties(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("look at the queue: %w", err)
	}
	return int(*p.ApproximateMessagesCount), nil
}

func (q *Queue) take(ctx context.Context) ([]*azqueue.DequeuedMessage, error) {
	got, err := q.client.DequeueMessages(ctx, &azqueue.DequeueMessagesOptions{
		NumberOfMessages: new(int32(batchSize)), VisibilityTimeout: new(int32(hiddenFor.Seconds())),
	})
	if err != nil {
		return nil, fmt.Errorf("take messages: %w", err)
	}
	return got.Messages, nil
}

// Trigger does what the Functions host does for a queue: it takes messages, runs the
// function for so many at a time, and deletes what succeeded.
func (h *Host) Trigger(ctx context.Context, q *Queue, atOnce int) error {
	messages := make(chan *azqueue.DequeuedMessage)
	errs := make(chan error, 1)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for m := range messages {
				if err := h.answer(ctx, q, m); err != nil && ctx.Err() == nil {
					select {
					case errs <- err:
					default: // the first one tells enough
					}
				}
			}
		})
	}
	defer workers.Wait()
	defer close(messages)
	for {
		taken, err := q.take(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, m := range taken {
			select {
			case messages <- m:
			case err := <-errs:
				return err
			case <-ctx.Done():
				return nil
			}
		}
		if len(taken) == 0 {
			select {
			case <-time.After(quiet):
			case <-ctx.Done():
			}
		}
	}
}

func (h *Host) answer(ctx context.Context, q *Queue, m *azqueue.DequeuedMessage) error {
	text, err := base64.StdEncoding.DecodeString(*m.MessageText)
	if err != nil {
		return fmt.Errorf("read a message as the host does: %w", err)
	}
	if err := h.Run(ctx, "content", text); err != nil {
		return err
	}
	if _, err := q.client.DeleteMessage(ctx, *m.MessageID, *m.PopReceipt, nil); err != nil {
		return fmt.Errorf("delete a message: %w", err)
	}
	return nil
}
