package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/packets"

	"github.com/belfry-run/belfry/monitor/notify"
)

// scripted is a broker that answers each packet, by its type, with what script
// returns: bytes to write, or nil to hang up. A packet that it has nothing for stays
// without an answer.
func scripted(t *testing.T, script map[byte][]byte) (url string, seen <-chan packets.Packet) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan packets.Packet, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					p, err := packets.ReadPacket(c)
					if err != nil {
						return
					}
					got <- p.Content
					answer, ok := script[p.Type]
					if ok && answer == nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "mqtt://" + l.Addr().String(), got
}

// wire is packets as bytes.
func wire(t *testing.T, p packets.Packet) []byte {
	t.Helper()
	var b strings.Builder
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

func connack(t *testing.T, code byte, p packets.Properties) []byte {
	return wire(t, &packets.Connack{ReasonCode: code, Properties: &p})
}

func puback(t *testing.T, id uint16, code byte) []byte {
	return wire(t, &packets.Puback{PacketID: id, ReasonCode: code, Properties: &packets.Properties{ReasonString: "geheim"}})
}

func TestRefusalsOfABroker(t *testing.T) {
	welcome := connack(t, 0, packets.Properties{})
	bye := func(code byte) []byte {
		return wire(t, &packets.Disconnect{ReasonCode: code, Properties: &packets.Properties{}})
	}
	zero, small := byte(0), uint32(100)
	for _, tt := range []struct {
		name             string
		connect, publish []byte
		edit             object
		permanent, gone  bool
		reason           string
	}{
		{"a bad password", connack(t, 0x86, packets.Properties{ReasonString: "geheim"}), nil, nil, true, true, "refused the connection with the code 0x86, Bad User Name or Password"},
		{"a user without rights", connack(t, 0x87, packets.Properties{}), nil, nil, true, true, "0x87, Not authorized"},
		{"a server that is not there", connack(t, 0x88, packets.Properties{}), nil, nil, false, false, "0x88, Server unavailable"},
		{"a busy server", connack(t, 0x89, packets.Properties{}), nil, nil, false, false, "0x89, Server busy"},
		{"a code that nobody knows", connack(t, 0xF0, packets.Properties{}), nil, nil, false, false, "0xF0"},
		{"a broker of version 3.1.1", []byte{0x20, 2, 0, 1}, nil, nil, true, true, "MQTT 5"},
		{"a hang-up instead of a welcome", nil, nil, nil, false, false, "closed before an answer"},
		{"a web server", []byte("HTTP/1.1 400 Bad Request\r\n\r\n" + strings.Repeat("<p>", 50)), nil, nil, false, false, "not that of an MQTT broker"},
		{"a packet without an end", []byte{0x20, 0xff, 0xff, 0xff, 0xff, 0xff}, nil, nil, false, false, "not that of an MQTT broker"},
		{"a packet that is too long", []byte{0x20, 0x81, 0x80, 0x04}, nil, nil, false, false, "not that of an MQTT broker"},
		{"a welcome that is no welcome", puback(t, 1, 0), nil, nil, false, false, "not that of an MQTT broker"},
		{"no QoS 1", connack(t, 0, packets.Properties{MaximumQOS: &zero}), nil, nil, true, true, "config.qos"},
		{"no retained messages", connack(t, 0, packets.Properties{RetainAvailable: &zero}), nil, object{"retain": true}, true, true, "config.retain"},
		{"only small messages", connack(t, 0, packets.Properties{MaximumPacketSize: &small}), nil, nil, true, false, "the broker takes 100"},
		{"a topic that the user may not write", welcome, puback(t, 1, 0x87), nil, true, true, "refused the message with the code 0x87"},
		{"a message that does not fit the format", welcome, puback(t, 1, 0x99), nil, true, false, "0x99"},
		{"a quota", welcome, puback(t, 1, 0x97), nil, false, false, "0x97"},
		{"an acknowledgement of another message", welcome, puback(t, 2, 0), nil, false, false, "not that of an MQTT broker"},
		{"a packet too large, said by hanging up", welcome, bye(0x95), nil, true, false, "hung up with the code 0x95"},
		{"a server that ends", welcome, bye(0x8B), nil, false, false, "0x8B, Server shutting down"},
		{"a good-bye before the acknowledgement", welcome, bye(0), nil, false, false, "hung up"},
		{"a hang-up instead of an acknowledgement", welcome, nil, nil, false, false, "closed before an answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := scripted(t, map[byte][]byte{packets.CONNECT: tt.connect, packets.PUBLISH: tt.publish})
			config := object{"url": url, "topic": "t", "username": "u", "password": "geheim"}
			maps.Copy(config, tt.edit)
			e, ok := errors.AsType[*notify.Error](send(t, "mqtt", config, down()))
			if !ok || e.Permanent != tt.permanent || e.Gone != tt.gone || !strings.Contains(e.Reason, tt.reason) || strings.Contains(e.Reason, "geheim") {
				t.Errorf("got %+v, want permanent %v, gone %v, %q", e, tt.permanent, tt.gone, tt.reason)
			}
		})
	}
}

func TestNobodyListeningIsNoRefusal(t *testing.T) {
	url, seen := scripted(t, map[byte][]byte{packets.CONNECT: connack(t, 0, packets.Properties{}), packets.PUBLISH: puback(t, 1, packets.PubackNoMatchingSubscribers)})
	if err := send(t, "mqtt", object{"url": url, "topic": "t"}, down()); err != nil {
		t.Fatal(err)
	}
	connect := (<-seen).(*packets.Connect)
	if connect.UsernameFlag || connect.PasswordFlag || connect.ClientID != "" || !connect.CleanStart {
		t.Errorf("the connection is %+v", connect)
	}
	publish := (<-seen).(*packets.Publish)
	if publish.Properties.ContentType != "application/json" || publish.Properties.PayloadFormat == nil || *publish.Properties.PayloadFormat != 1 {
		t.Errorf("the message's properties are %v", publish.Properties)
	}
	if p, ok := (<-seen).(*packets.Disconnect); !ok || p.ReasonCode != 0 {
		t.Errorf("the end is %+v", p)
	}
}

func TestATestIsNotRetained(t *testing.T) {
	for event, want := range map[notify.Event]bool{notify.Down: true, notify.Up: true, notify.Test: false} {
		url, seen := scripted(t, map[byte][]byte{packets.CONNECT: connack(t, 0, packets.Properties{}), packets.PUBLISH: puback(t, 1, 0)})
		m := down()
		m.Event = event
		if err := send(t, "mqtt", object{"url": url, "topic": "t", "retain": true}, m); err != nil {
			t.Fatal(err)
		}
		<-seen
		if p := (<-seen).(*packets.Publish); p.Retain != want {
			t.Errorf("%s: retained %v", event, p.Retain)
		}
	}
}

// At QoS 0 a broker that hangs up over a message has not taken it.
func TestAMessageWithoutAcknowledgementIsPingedBehind(t *testing.T) {
	welcome := connack(t, 0, packets.Properties{})
	config := func(url string) object { return object{"url": url, "topic": "t", "qos": 0} }
	url, _ := scripted(t, map[byte][]byte{packets.CONNECT: welcome, packets.PINGREQ: wire(t, &packets.Pingresp{})})
	if err := send(t, "mqtt", config(url), down()); err != nil {
		t.Error(err)
	}
	url, _ = scripted(t, map[byte][]byte{packets.CONNECT: welcome, packets.PUBLISH: nil})
	if e, ok := errors.AsType[*notify.Error](send(t, "mqtt", config(url), down())); !ok || e.Permanent {
		t.Errorf("got %+v", e)
	}
}

func TestASilentBrokerEndsWithTheContext(t *testing.T) {
	url, seen := scripted(t, map[byte][]byte{packets.CONNECT: {}})
	sender := notify.NewSender(notify.Config{})
	defer sender.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-seen; cancel() }()
	config, err := json.Marshal(object{"url": url, "topic": "t"})
	if err != nil {
		t.Fatal(err)
	}
	e, ok := errors.AsType[*notify.Error](sender.Send(ctx, notify.Channel{Kind: "mqtt", Config: config}, down()))
	if !ok || e.Permanent || e.Reason != "the server is stopping" {
		t.Errorf("got %+v", e)
	}
}

func TestABrokersConnectionIsMadeByTheDialer(t *testing.T) {
	s := notify.NewSender(notify.Config{Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("not to " + address)}
	}})
	defer s.Close()
	for url, want := range map[string]string{"mqtt://broker.test": "not to broker.test:1883", "mqtts://broker.test": "not to broker.test:8883"} {
		err := s.Send(t.Context(), notify.Channel{Kind: "mqtt", Config: json.RawMessage(`{"topic":"t","url":"` + url + `"}`)}, down())
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
