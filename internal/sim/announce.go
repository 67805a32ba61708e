package sim

// Notification is the body that tells a webhook of published contents, by the ids
// they are pushed under: for who plays Microsoft's part where the world does not push.
func (w *World) Notification(pushed ...string) []byte {
	w.feed.mu.Lock()
	var batch []*content
	for _, id := range pushed {
		if c := w.feed.byID[id]; c != nil {
			batch = append(batch, c)
		}
	}
	w.feed.mu.Unlock()
	return w.pusher.array(batch)
}
