package notify

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// mqtt publishes to a topic of a broker that speaks MQTT 5. Version 3.1.1 is left
// out: its brokers acknowledge what a user may not publish, and drop it.
type mqtt struct {
	URL      string `json:"url"` // mqtt://host or mqtts://host, with :port if it is another
	Topic    string `json:"topic"`
	QoS      *byte  `json:"qos"` // 0 or 1; left out: 1
	Retain   bool   `json:"retain"`
	Username string `json:"username"`
	Password string `json:"password"`
	ClientID string `json:"client_id"` // left out: the broker's choice
	Payload  string `json:"payload"`   // json, as a webhook's, or text; left out: json

	broker *url.URL // of URL
}

var mqttPorts = map[string]string{"mqtt": "1883", "mqtts": "8883"}

// mqttString is how many bytes a string of MQTT has at most (MQTT 5, 1.5.4).
const mqttString = 65535

func (q *mqtt) check() error {
	if err := q.checkBroker(); err != nil {
		return err
	}
	for field, s := range map[string]string{"topic": q.Topic, "username": q.Username, "password": q.Password, "client_id": q.ClientID} {
		if len(s) > mqttString || strings.ContainsRune(s, 0) {
			return refused(field, "has a zero character, or more than "+strconv.Itoa(mqttString)+" bytes")
		}
	}
	switch {
	case q.Topic == "":
		return missing("topic", "the topic's name, such as alerts/belfry")
	case strings.ContainsAny(q.Topic, "+#"):
		return refused("topic", "has + or #; give one topic, not a filter of topics")
	case q.QoS != nil && *q.QoS > 1:
		return refused("qos", "is "+strconv.Itoa(int(*q.QoS))+"; take 0 or 1")
	}
	switch q.Payload {
	case "":
		q.Payload = "json"
	case "json", "text":
	default:
		return refused("payload", "is "+strconv.Quote(q.Payload)+"; take json or text")
	}
	return nil
}

func (q *mqtt) checkBroker() error {
	if q.URL == "" {
		return missing("url", "the broker's address, such as mqtts://broker.example.org")
	}
	u, err := url.Parse(q.URL)
	if err != nil || mqttPorts[u.Scheme] == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return refused("url", "is not an address such as mqtts://broker.example.org or mqtt://192.168.1.2:1883")
	}
	if u.User != nil {
		return refused("url", "has a user; give config.username and config.password")
	}
	port := u.Port()
	if port == "" {
		port = mqttPorts[u.Scheme]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return refused("url", "has no port from 1 to 65535")
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	q.broker = u
	return nil
}

func (q *mqtt) target() string { return q.Topic + " at " + q.broker.Host }

func (q *mqtt) send(ctx context.Context, s *Sender, m *Message) error {
	publish, err := q.publish(m)
	if err != nil {
		return err
	}
	dial := s.c.Dial
	if q.broker.Scheme == "mqtts" {
		dial = s.dialTLS(q.broker.Hostname())
	}
	conn, err := dial(ctx, "tcp", q.broker.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	err = q.talk(mqttConn{conn}, publish)
	if isTimeout(err) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// publish is the packet with the message. A test is not retained: it would stand
// where the last thing that happened stood.
func (q *mqtt) publish(m *Message) (*packets.Publish, error) {
	utf8 := byte(1)
	p := &packets.Publish{
		Topic: q.Topic, QoS: 1, PacketID: 1, Retain: q.Retain && m.Event != Test,
		Payload: []byte(m.Subject() + "\n\n" + m.Text()), Properties: &packets.Properties{ContentType: "text/plain", PayloadFormat: &utf8},
	}
	if q.QoS != nil {
		p.QoS = *q.QoS
	}
	if q.Payload == "json" {
		document, err := json.Marshal(documentOf(m))
		if err != nil {
			return nil, err
		}
		p.Payload, p.Properties.ContentType = document, "application/json"
	}
	return p, nil
}

// mqttKeepAlive is after how many seconds of silence the broker may hang up.
const mqttKeepAlive = 60

// talk signs in, publishes and waits for the broker's word that it has the
// message. There is none at QoS 0: then an answer to a ping behind the message
// says that it was read and that the broker did not hang up over it.
func (q *mqtt) talk(c mqttConn, publish *packets.Publish) error {
	if err := c.write(&packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, CleanStart: true, KeepAlive: mqttKeepAlive, ClientID: q.ClientID,
		UsernameFlag: q.Username != "", Username: q.Username, PasswordFlag: q.Password != "", Password: []byte(q.Password),
		Properties: &packets.Properties{},
	}); err != nil {
		return err
	}
	welcome, err := await[*packets.Connack](c)
	if err != nil {
		return err
	}
	if err := fits(publish, welcome.Properties); err != nil {
		return err
	}
	if err := c.write(publish); err != nil {
		return err
	}
	if err := taken(c, publish); err != nil {
		return err
	}
	_ = c.write(&packets.Disconnect{Properties: &packets.Properties{}}) // a courtesy: the broker has the message
	return nil
}

// taken waits for the broker's word about a message.
func taken(c mqttConn, publish *packets.Publish) error {
	if publish.QoS == 0 {
		if err := c.write(&packets.Pingreq{}); err != nil {
			return err
		}
		_, err := await[*packets.Pingresp](c)
		return err
	}
	ack, err := await[*packets.Puback](c)
	if err == nil && ack.PacketID != publish.PacketID {
		return errNotMQTT
	}
	return err
}
