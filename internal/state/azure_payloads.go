package state

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"azcollector/internal/collect"
)

// container holds the payloads.
const container = "payloads"

// PutPayload implements [collect.Store]. Trying again needs no read before: the
// same name has the same bytes.
func (a *Azure) PutPayload(ctx context.Context, name string, body []byte) error {
	blob, err := payloadName(name)
	if err != nil {
		return fmt.Errorf("write payload: %w", err)
	}
	return a.again(ctx, func(ctx context.Context) error {
		err := orMake(codeNoContainer, codeContainerExists, func() error {
			_, err := a.blobs.UploadBuffer(ctx, container, blob, body, nil)
			return err
		}, func() error {
			_, err := a.blobs.CreateContainer(ctx, container, nil)
			return err
		})
		return judge("write payload "+blob, blobs, err)
	})
}

// Payload implements [collect.Store].
func (a *Azure) Payload(ctx context.Context, name string) (body []byte, err error) {
	blob, err := payloadName(name)
	if err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	doing := "read payload " + blob
	err = a.again(ctx, func(ctx context.Context) error {
		var err error
		body, err = a.download(ctx, blob)
		if isNoBlob(err) {
			return fmt.Errorf("%s: %w", doing, collect.ErrNotFound)
		}
		return judge(doing, blobs, err)
	})
	if err != nil {
		return nil, err
	}
	return body, nil
}

func (a *Azure) download(ctx context.Context, blob string) ([]byte, error) {
	resp, err := a.blobs.DownloadStream(ctx, container, blob, &azblob.DownloadStreamOptions{})
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return body, errors.Join(err, resp.Body.Close())
}

// DeletePayload implements [collect.Store].
func (a *Azure) DeletePayload(ctx context.Context, name string) error {
	blob, err := payloadName(name)
	if err != nil {
		return fmt.Errorf("delete payload: %w", err)
	}
	return a.again(ctx, func(ctx context.Context) error {
		_, err := a.blobs.DeleteBlob(ctx, container, blob, nil)
		if isNoBlob(err) {
			return nil
		}
		return judge("delete payload "+blob, blobs, err)
	})
}

func isNoBlob(err error) bool {
	code := read(err).code
	return code == codeBlobNotFound || code == codeNoContainer
}
