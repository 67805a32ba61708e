package state

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"

	"azcollector/internal/collect"
)

// queueName is the queue whose messages start the function "content".
const queueName = "o365-content"

const (
	// forever is a time to live: a backlog may be older than the 7 days that a
	// message otherwise lives ("Put Message").
	forever = -1
	// maxDelay hides a message no longer than a content ever rests.
	maxDelay = time.Hour
	// lateBy makes up for a clock of the queue that is a little before ours: a
	// message that comes too early finds nothing due.
	lateBy = time.Second
)

// CreateQueue makes the queue of the function "content" if it is missing.
func (a *Azure) CreateQueue(ctx context.Context) error {
	return a.again(ctx, func(ctx context.Context) error {
		err := a.makeQueue(ctx)
		if read(err).code == codeQueueExists {
			return nil
		}
		return judge("create queue "+queueName, queues, err)
	})
}

func (a *Azure) makeQueue(ctx context.Context) error {
	_, err := a.queue.Create(ctx, nil)
	return err
}

// Wake implements [collect.Store] with a message. A put whose outcome is not
// known is repeated: whoever gets the second message finds the work done. Killed
// before the put, nobody is woken, and the due row is found by those who poll.
func (a *Azure) Wake(ctx context.Context, content collect.Key, at time.Time) error {
	if err := checkKey(content); err != nil {
		return fmt.Errorf("wake content: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(collect.Message(content)) // as the Functions host expects it
	return a.again(ctx, func(ctx context.Context) error {
		err := orMake(codeNoQueue, codeQueueExists, func() error {
			_, err := a.queue.EnqueueMessage(ctx, text, &azqueue.EnqueueMessageOptions{
				TimeToLive:        new(int32(forever)),
				VisibilityTimeout: new(wholeSeconds(delay(time.Until(at)))),
			})
			return err
		}, func() error { return a.makeQueue(ctx) })
		return judge("wake "+show(content), queues, err)
	})
}

// delay is how long a message is hidden that is wanted after d.
func delay(d time.Duration) time.Duration {
	d = min(max(d, -lateBy), maxDelay) // before anything is added: it may be centuries
	return min(time.Duration(wholeSeconds(d))*time.Second+lateBy, maxDelay)
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) int32 { return int32(math.Ceil(d.Seconds())) }

// A Message is one of the queue's, hidden from other receivers for a while.
type Message struct {
	// Body is what the sender encoded with base64, or the bare text if it did not.
	Body []byte
	// Attempts counts how often it was received, this time included.
	Attempts int64

	id, receipt string
}

// Receive takes up to most messages (32 at a time, the service gives no more) and
// hides them from others; without [Azure.Forget] they come back. So they do if
// the answer is lost or we are killed here, counted as one attempt. A queue that
// is missing is empty.
func (a *Azure) Receive(ctx context.Context, most int, hidden time.Duration) (messages []Message, err error) {
	if hidden < minHidden || hidden > maxHidden {
		return nil, fmt.Errorf("receive messages: %w", over("hidden for %v, must be %v to %v", hidden, minHidden, maxHidden))
	}
	if most < 1 {
		return nil, nil
	}
	options := azqueue.DequeueMessagesOptions{
		NumberOfMessages:  new(int32(min(most, maxReceived))),
		VisibilityTimeout: new(wholeSeconds(hidden)),
	}
	err = a.again(ctx, func(ctx context.Context) error {
		resp, err := a.queue.DequeueMessages(ctx, &options)
		if read(err).code == codeNoQueue {
			return nil
		}
		if err == nil {
			messages, err = toMessages(resp.Messages)
		}
		return judge("receive messages of "+queueName, queues, err)
	})
	return messages, err
}

func toMessages(received []*azqueue.DequeuedMessage) ([]Message, error) {
	messages := make([]Message, 0, len(received))
	for _, r := range received {
		m := Message{Body: decodeBody(value(r.MessageText)), Attempts: value(r.DequeueCount), id: value(r.MessageID), receipt: value(r.PopReceipt)}
		if !isMessageID(m.id) || m.receipt == "" {
			return nil, errors.New("the answer holds a message without a proper id and receipt")
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// decodeBody is strict: what it changes, it could restore.
func decodeBody(text string) []byte {
	body, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return []byte(text)
	}
	return body
}

// isMessageID lets through what a GUID may hold, for it becomes part of an
// address: that of no message is the whole queue's, where a DELETE clears it.
func isMessageID(id string) bool {
	return id != "" && isAlphanumeric(strings.ReplaceAll(id, "-", ""))
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Forget deletes a received message. One that is gone, or that somebody else
// received since, is no error: it is theirs to forget.
func (a *Azure) Forget(ctx context.Context, m Message) error {
	if m.id == "" {
		return errors.New("forget message: it was not received")
	}
	return a.again(ctx, func(ctx context.Context) error {
		_, err := a.queue.DeleteMessage(ctx, m.id, m.receipt, nil)
		if answer := read(err); answer.status == http.StatusNotFound && answer.code != "" || answer.code == codeOtherReceipt {
			return nil
		}
		return judge("forget message of "+queueName, queues, err)
	})
}

// Waiting is roughly how many messages there are, hidden ones included. A queue
// that is missing is empty.
func (a *Azure) Waiting(ctx context.Context) (n int, err error) {
	err = a.again(ctx, func(ctx context.Context) error {
		resp, err := a.queue.GetProperties(ctx, nil)
		n = int(value(resp.ApproximateMessagesCount))
		if read(err).code == codeNoQueue {
			return nil
		}
		return judge("count messages of "+queueName, queues, err)
	})
	return n, err
}
