package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
)

// payload makes the bytes that both sides agree on: its number in the first eight bytes, as many of them as fit, then a
// pattern that depends on the number.
func payload(number uint64, size int) []byte {
	bytes := make([]byte, size)
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], number)
	for i := copy(bytes, head[:]); i < size; i++ {
		bytes[i] = byte(uint64(i) + number)
	}
	return bytes
}

// tally sums up payloads in the order they came. Safe for concurrent use.
type tally struct {
	mutex    sync.Mutex
	payloads int
	bytes    int
	sizes    map[int]int
	inOrder  bool
	digest   hash.Hash
}

func newTally() *tally {
	return &tally{sizes: map[int]int{}, inOrder: true, digest: sha256.New()}
}

// add counts one payload. Those of eight bytes and more must carry the number of payloads before them.
func (t *tally) add(bytes []byte) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(bytes) >= 8 && binary.BigEndian.Uint64(bytes) != uint64(t.payloads) {
		t.inOrder = false
	}
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(bytes)))
	t.digest.Write(length[:])
	t.digest.Write(bytes)
	t.payloads++
	t.bytes += len(bytes)
	t.sizes[len(bytes)]++
}

func (t *tally) count() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.payloads
}

func (t *tally) report() map[string]interface{} {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return map[string]interface{}{
		"payloads": t.payloads,
		"bytes":    t.bytes,
		"sizes":    t.sizes,
		"inOrder":  t.inOrder,
		"sha256":   hex.EncodeToString(t.digest.Sum(nil)),
	}
}
