-- SPDX-License-Identifier: BSD-3-Clause
-- Part of holdfast.lua, the Wireshark dissector: what the numbers of DATA mean after all frames
-- before. Knows nothing of Wireshark.
--
-- A *flow* is one way of one leg (client - gateway or gateway - backend) of a channel:
--   next   the number that was never sent yet, as far as is known
--   top    the highest number of a DATA frame
--   acked  what its receiver has taken, and
--   edge   where the receiver's window ends
--   seen   number -> packet with the first DATA of that number
--   asked  number -> packet with a NAK that asked for it
local analysis = {}

local WINDOW_MAX = 4096
-- How far behind the highest number of a flow what has been seen is remembered.
local KEPT = 4 * WINDOW_MAX

local flows, ends = {}, {}

function analysis.reset()
	flows, ends = {}, {}
end

-- As sequence_extend() in protocol/sequence.h.
local function extend(known, wire)
	local ahead = (wire - known) % 4294967296
	local behind = (known - wire) % 4294967296
	return (ahead < behind or known < behind) and known + ahead or known - behind
end

local function higher(a, b)
	return math.max(a or b, b)
end

-- Which end of its handle an endpoint is. A client comes from one address after another, a backend
-- has several sockets; the handshake tells that they are the same. Who was in no handshake of this
-- capture, or does not belong to the session at all, is an end of its own.
local function end_of(c)
	local key = c.gateway .. " " .. c.handle
	ends[key] = ends[key] or {}
	if c.name == "WELCOME" or c.name == "CONFIRM" then
		ends[key][c.endpoint] = "client"
	elseif c.name == "OPEN" or c.name == "OPEN_ACK" then
		ends[key][c.endpoint] = "backend"
	end
	return ends[key][c.endpoint] or c.endpoint
end

local function flow_of(c, side, channel, up)
	local way = up and "up" or "down"
	local key = table.concat({c.gateway, c.handle, channel, side, way}, " ")
	flows[key] = flows[key] or {seen = {}, asked = {}}
	return flows[key]
end

-- Where a flow begins, from the numbers of a handshake; only there do they stand in 64 bits.
local function begin(flow, acked, next_number)
	if not (flow.next or flow.top or flow.acked) then
		flow.acked, flow.next = acked, next_number
	end
end

-- Takes the triples of a handshake. Those in WELCOME and OPEN are the peer's of who gets them, for
-- whom the gateway speaks; those in OPEN_ACK are the sender's.
local function learn(c, side)
	if c.name ~= "WELCOME" and c.name ~= "OPEN" and c.name ~= "OPEN_ACK" then
		return
	end
	for k, triple in ipairs(c.triples) do
		local channel = c.name == "WELCOME" and k - 1 or c.channel
		begin(flow_of(c, side, channel, c.up), triple.oldest, triple.next)
		begin(flow_of(c, side, channel, not c.up), triple.expected)
	end
end

-- An acknowledgement of the other way.
local function take_ack(c, back, result)
	local ack = extend(back.acked or back.next or 0, c.ack)
	result.ack = ack
	if back.next and ack > back.next then
		result.ack_beyond = string.format("#%.0f is next", back.next)
		return
	end
	back.acked = higher(back.acked, ack)
	if c.name ~= "NAK" then
		back.edge = higher(back.edge, ack + c.window)
	end
end

-- DATA after an ack beyond is looked at like any other: more often than an endpoint errs, the
-- capture lacks a frame.
local function take_data(c, flow, result)
	local n = extend(flow.top or flow.acked or flow.next or 0, c.seq)
	local first = flow.seen[n]
	result.number, result.first_in, result.asked_in = n, first, flow.asked[n]
	result.replayed = c.replayed
	if first and c.replayed then
		result.retransmission = true
	elseif first then
		result.duplicate = true
	elseif flow.acked and n < flow.acked then
		result.duplicate = "its receiver has it"
	elseif flow.top and n < flow.top and not c.replayed then
		result.out_of_order = string.format("after #%.0f", flow.top)
	end
	if flow.edge and n >= flow.edge then
		result.out_of_window = string.format("which ends before #%.0f", flow.edge)
	end
	flow.seen[n] = first or c.packet
	flow.seen[n - KEPT], flow.asked[n - KEPT], flow.asked[n] = nil, nil, nil
	flow.top, flow.next = higher(flow.top, n), higher(flow.next, n + 1)
end

local function take_nak(c, back, result)
	local asked = 0
	for _, pair in ipairs(c.pairs) do
		local first = extend(back.acked or 0, pair.first)
		-- More than a window is never answered.
		for n = first, first + math.min(pair.count, WINDOW_MAX) - 1 do
			back.asked[n] = c.packet
		end
		asked = asked + pair.count
	end
	result.nak = string.format("%.0f frame%s", asked, asked == 1 and "" or "s")
end

-- What there is to say of a frame, after all before it:
--   number, ack          of DATA, ACK, NAK, in 64 bits
--   first_in, asked_in   packets
--   retransmission, replayed, duplicate, out_of_order, out_of_window, ack_beyond, nak
--                        true, or a text that says more
-- c: gateway, endpoint, up (whether it goes to the gateway), packet, replayed, the header's fields,
-- triples and pairs.
function analysis.take(c)
	local side, result = end_of(c), {}
	learn(c, side)
	if c.name ~= "DATA" and c.name ~= "ACK" and c.name ~= "NAK" then
		return result
	end
	local flow, back = flow_of(c, side, c.channel, c.up), flow_of(c, side, c.channel, not c.up)
	take_ack(c, back, result)
	if c.name == "DATA" then
		take_data(c, flow, result)
	elseif c.name == "NAK" then
		take_nak(c, back, result)
	else
		result.number = extend(flow.next or flow.acked or 0, c.seq)
		flow.next = higher(flow.next, result.number)
	end
	return result
end

return analysis
