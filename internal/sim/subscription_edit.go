package sim

// otherAuthID is what a thief of a webhook has Microsoft send.
const otherAuthID = "auth-id-of-another-collector"

// EditSubscription changes a subscription behind the client's back, as an
// administrator or another collector would. One that does not exist is made. It
// is no start of the client's.
func (w *World) EditSubscription(contentType string, edit func(*Subscription)) {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	edit(w.feed.subscription(contentType))
}

// DisableSubscription ends listing and fetching (AF20023) until the next start.
func (w *World) DisableSubscription(contentType string) {
	w.EditSubscription(contentType, func(s *Subscription) { s.Status = "disabled" })
}

// VanishWebhook leaves a subscription without its webhook ([OBS] docs#179).
func (w *World) VanishWebhook(contentType string) {
	w.EditSubscription(contentType, func(s *Subscription) { s.Webhook = nil })
}

// StealWebhook sends a subscription's notifications elsewhere, as another
// collector on the same app registration does.
func (w *World) StealWebhook(contentType, address string) {
	w.EditSubscription(contentType, func(s *Subscription) {
		s.Status, s.Webhook = "enabled", &Webhook{Status: "enabled", Address: address, AuthID: otherAuthID}
	})
}

// ForgetSubscriptions leaves none. What the client started counts for
// [Options.StartPause] all the same.
func (w *World) ForgetSubscriptions() {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	clear(w.feed.subscriptions)
	w.feed.order = nil
}
