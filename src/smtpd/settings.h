// What bounds an SMTP session. Defaults are those of RFC 5321 §4.5.3.2 where it names one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bulkhead::smtpd {

struct Settings {
  std::chrono::milliseconds command_timeout = std::chrono::minutes{5};  // of a whole line, not of each piece of it
  std::chrono::milliseconds data_timeout = std::chrono::minutes{5};     // of silence within a message
  // Who sends less than this in a window of a message is cut off: a byte now and then must not hold a session.
  std::uint64_t data_bytes_per_minute_min = 1000;
  std::chrono::milliseconds data_window = std::chrono::minutes{5};
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds{30};
  std::chrono::milliseconds write_timeout = std::chrono::minutes{1};
  // Waits this long before the banner and refuses who talks meanwhile; 0 only looks once.
  std::chrono::milliseconds banner_delay{0};

  std::size_t sessions_max = 20000;
  std::size_t sessions_per_client_max = 200;  // an IPv6 client is its /64
  std::uint32_t messages_per_session_max = 10000;
  std::uint32_t received_fields_max = 50;      // RFC 5321 §6.3: a loop
  std::uint64_t message_size_max = 134217728;  // of the node; tenants' limits lie below
  std::size_t line_size_max = 65536;           // of a line in a message

  std::uint32_t errors_free = 5;                                    // refusals of a session that cost no delay
  std::uint32_t errors_max = 20;                                    // with this one the session ends
  std::chrono::milliseconds error_delay = std::chrono::seconds{1};  // grows by this much with each refusal
  std::chrono::milliseconds error_delay_max = std::chrono::seconds{5};
  std::uint32_t put_offs_max = 100;  // recipients refused for now, one after the other: with this one the session ends
  std::uint32_t idle_commands_max = 100;   // that move no mail, since the last message: NOOP must not hold a session
  std::uint32_t rejected_events_max = 50;  // of a session in the trace

  std::uint32_t sign_in_failures_max = 3;  // of a session
  std::uint32_t sign_in_failures_per_client_max = 20;
  std::chrono::seconds sign_in_window = std::chrono::minutes{10};
  std::chrono::milliseconds sign_in_delay = std::chrono::seconds{1};  // doubles with each failure of the client
  std::chrono::milliseconds sign_in_delay_max = std::chrono::seconds{8};
};

}  // namespace bulkhead::smtpd
