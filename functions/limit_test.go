package main

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

func TestConnectionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		limited := limitConnections(pipes, 2)
		accepted := make(chan net.Conn)
		done := make(chan error, 1)
		go func() {
			for {
				conn, err := limited.Accept()
				if err != nil {
					done <- err
					return
				}
				accepted <- conn
			}
		}()
		var client [4]net.Conn
		for i := range client[:3] {
			go func() { client[i] = pipes.dial() }()
		}
		first, second := <-accepted, <-accepted
		synctest.Wait()
		select {
		case <-accepted:
			t.Fatal("a third connection was accepted")
		default:
		}
		_ = first.Close()
		_ = first.Close() // gives no second slot back
		third := <-accepted
		go func() { client[3] = pipes.dial() }()
		synctest.Wait()
		select {
		case <-accepted:
			t.Fatal("a fourth connection was accepted")
		default:
		}
		_ = second.Close()
		fourth := <-accepted
		synctest.Wait()
		if err := limited.Close(); err != nil { // while Accept waits for a slot
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
		_, _ = third.Close(), fourth.Close()
		for _, c := range client {
			_ = c.Close()
		}
	})
}

func TestConnectionLimitIsUsed(t *testing.T) {
	l, err := listen(t.Context(), Settings{Listen: "127.0.0.1:0", MaxConnections: 7}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if limited, ok := l.(*limitListener); !ok || cap(limited.slots) != 7 {
		t.Errorf("got %T", l)
	}
}
