package notify

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/eclipse/paho.golang/packets"
)

// mqttConn is a connection to a broker. The library writes and reads the packets;
// how many bytes of an answer are read is decided here.
type mqttConn struct{ net.Conn }

// mqttAnswerMax bounds a packet of the broker's, in bytes after its length.
const mqttAnswerMax = 64 << 10

// write sends a packet in one piece.
func (c mqttConn) write(p packets.Packet) error {
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		return err
	}
	_, err := c.Write(b.Bytes())
	return err
}

// read returns the next packet.
func (c mqttConn) read() (*packets.ControlPacket, error) {
	header := make([]byte, 1, 5)
	if _, err := io.ReadFull(c, header); err != nil {
		return nil, err
	}
	size := 0
	for shift := 0; ; shift += 7 {
		var digit [1]byte
		if _, err := io.ReadFull(c, digit[:]); err != nil {
			return nil, err
		}
		header = append(header, digit[0])
		size |= int(digit[0]&0x7f) << shift
		if size > mqttAnswerMax || shift > 14 {
			return nil, errNotMQTT
		}
		if digit[0] < 0x80 {
			break
		}
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c, body); err != nil {
		return nil, err
	}
	if header[0]>>4 == packets.CONNACK && size == 2 { // without properties, as before MQTT 5
		return nil, &Error{Permanent: true, Gone: true, Reason: "the broker does not speak MQTT 5"}
	}
	p, err := packets.ReadPacket(bytes.NewReader(append(header, body...)))
	if err != nil {
		return nil, errNotMQTT
	}
	return p, nil
}

// errNotMQTT is not permanent: what stands in front of a broker answers in its
// place while that is away.
var errNotMQTT = &Error{Reason: "the answer is not that of an MQTT broker"}

// await reads the broker's next packet, which has to be a T that refuses nothing.
func await[T packets.Packet](c mqttConn) (T, error) {
	var none T
	p, err := c.read()
	if err != nil {
		return none, err
	}
	switch answer := p.Content.(type) {
	case *packets.Connack:
		err = refusal("connection", answer.ReasonCode, answer.Reason())
	case *packets.Puback:
		err = refusal("message", answer.ReasonCode, answer.Reason())
	case *packets.Disconnect:
		err = refusal("message and hung up", max(answer.ReasonCode, packets.DisconnectUnspecifiedError), answer.Reason())
	}
	if err != nil {
		return none, err
	}
	if wanted, ok := p.Content.(T); ok {
		return wanted, nil
	}
	return none, errNotMQTT
}

// refusal is what a reason code means (MQTT 5, 2.4); below 0x80 it is a success.
// Of the broker's answer the code counts: its own words may repeat a secret.
func refusal(of string, code byte, meaning string) error {
	if code < 0x80 {
		return nil
	}
	e := &Error{Reason: fmt.Sprintf("the broker refused the %s with the code 0x%02X", of, code)}
	if short, _, _ := strings.Cut(meaning, " - "); short != "" {
		e.Reason += ", " + short
	}
	switch code {
	case packets.ConnackUnsupportedProtocolVersion, packets.ConnackInvalidClientID, packets.ConnackBadUsernameOrPassword,
		packets.ConnackNotAuthorized, packets.ConnackBanned, packets.ConnackBadAuthenticationMethod, packets.ConnackTopicNameInvalid,
		packets.ConnackRetainNotSupported, packets.ConnackQoSNotSupported, packets.ConnackServerMoved:
		e.Permanent, e.Gone = true, true
	case packets.ConnackMalformedPacket, packets.ConnackProtocolError, packets.ConnackPacketTooLarge, packets.ConnackPayloadFormatInvalid:
		e.Permanent = true
	}
	return e
}

// fits holds a message against what the broker says it takes (MQTT 5, 3.2.2.3).
func fits(p *packets.Publish, broker *packets.Properties) error {
	var size bytes.Buffer
	if _, err := p.WriteTo(&size); err != nil {
		return err
	}
	switch {
	case broker.MaximumQOS != nil && p.QoS > *broker.MaximumQOS:
		return &Error{Permanent: true, Gone: true, Reason: "the broker takes no messages of QoS 1; set config.qos to 0"}
	case broker.RetainAvailable != nil && *broker.RetainAvailable == 0 && p.Retain:
		return &Error{Permanent: true, Gone: true, Reason: "the broker retains no messages; set config.retain to false"}
	case broker.MaximumPacketSize != nil && uint64(size.Len()) > uint64(*broker.MaximumPacketSize):
		return &Error{Permanent: true, Reason: fmt.Sprintf("the message has %d bytes and the broker takes %d", size.Len(), *broker.MaximumPacketSize)}
	}
	return nil
}
