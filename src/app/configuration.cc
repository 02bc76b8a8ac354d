#include "src/app/configuration.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "monitoring/listings/zone.h"
#include "src/app/duration.h"
#include "src/app/toml.h"
#include "src/mail/address.h"

namespace bulkhead::app {

std::string ConfigurationFault::text() const {
  std::string out = file;
  if (line > 0) out += fmt::format(":{}", line);
  if (!key.empty()) out += ": " + key;
  return out + ": " + message;
}

namespace {

constexpr std::size_t kFileSizeMax = 1U << 20;

// Reads one value into the configuration; the error side is a sentence that says what would be right.
using Reader = std::function<std::optional<std::string>(const TomlValue&, Configuration&)>;

std::optional<std::string> read_string(const TomlValue& value, std::string& out) {
  const auto* text = value.string();
  if (text == nullptr) return "expected a string in quotes";
  if (text->find('\0') != std::string::npos) return "a string cannot contain NUL";
  out = *text;
  return std::nullopt;
}

std::optional<std::string> read_boolean(const TomlValue& value, bool& out) {
  const auto* flag = value.boolean();
  if (flag == nullptr) return "expected true or false";
  out = *flag;
  return std::nullopt;
}

template <class Number>
std::optional<std::string> read_number(const TomlValue& value, Number& out, std::int64_t least, std::int64_t most) {
  const auto* number = value.integer();
  if (number == nullptr || *number < least || *number > most) {
    return fmt::format("expected a whole number from {} to {}", least, most);
  }
  out = static_cast<Number>(*number);
  return std::nullopt;
}

std::optional<std::string> read_endpoints(const TomlValue& value, std::vector<SocketAddress>& out) {
  const auto* list = value.array();
  if (list == nullptr) return "expected a list of \"address:port\", e.g. [\"0.0.0.0:25\", \"[::]:25\"]";
  out.clear();
  for (const auto& item : *list) {
    const auto* text = item.string();
    const auto endpoint = text != nullptr ? SocketAddress::parse(*text) : std::nullopt;
    if (!endpoint) {
      return fmt::format("expected \"address:port\", e.g. \"0.0.0.0:25\" or \"[::]:25\", not {}",
                         text != nullptr ? "\"" + *text + "\"" : "a value of another type");
    }
    if (std::find(out.begin(), out.end(), *endpoint) != out.end()) return fmt::format("{} is listed twice", *text);
    out.push_back(*endpoint);
  }
  return std::nullopt;
}

std::optional<std::string> read_duration(const TomlValue& value, std::chrono::seconds& out,
                                         std::chrono::seconds least) {
  const auto* text = value.string();
  const auto duration = text != nullptr ? parse_duration(*text) : std::nullopt;
  if (!duration || *duration < least) {
    return fmt::format("expected a duration of at least {} as number and unit, e.g. \"90s\", \"15m\", \"4h\" or \"5d\"",
                       to_text(least));
  }
  out = *duration;
  return std::nullopt;
}

// How long a peer is waited for: with more than a day a dead one would never be noticed.
std::optional<std::string> read_timeout(const TomlValue& value, std::chrono::seconds& out) {
  if (auto fault = read_duration(value, out, std::chrono::seconds{1})) return fault;
  if (out > std::chrono::hours{24}) return "expected a duration of at most 1d";
  return std::nullopt;
}

// "none" keeps everything.
std::optional<std::string> read_retention(const TomlValue& value, std::chrono::seconds& out) {
  const auto* text = value.string();
  if (text == nullptr || *text != "none") return read_duration(value, out, std::chrono::hours{1});
  out = std::chrono::seconds{0};
  return std::nullopt;
}

std::optional<std::string> read_retry(const TomlValue& value, std::vector<std::chrono::seconds>& out) {
  const auto* list = value.array();
  if (list == nullptr || list->empty() || list->size() > 100) {
    return "expected a list of 1 to 100 durations, e.g. [\"5m\", \"15m\", \"1h\"]";
  }
  out.clear();
  for (const auto& item : *list) {
    std::chrono::seconds interval{0};
    if (auto fault = read_duration(item, interval, std::chrono::seconds{1})) return fault;
    out.push_back(interval);
  }
  return std::nullopt;
}

std::optional<std::string> read_host_name(const TomlValue& value, std::string& out) {
  if (auto fault = read_string(value, out)) return fault;
  const auto canonical = mail::canonical_domain(out);
  if (!canonical || canonical->front() == '[') return "expected a host name, e.g. \"mx1.isp.example\"";
  out = *canonical;
  return std::nullopt;
}

std::optional<std::string> read_mail_address(const TomlValue& value, std::string& out) {
  if (auto fault = read_string(value, out)) return fault;
  if (!out.empty() && !mail::Address::parse(out)) return "expected a mail address, e.g. \"operator@isp.example\"";
  return std::nullopt;
}

std::optional<std::string> read_webhook(const TomlValue& value, std::string& out) {
  if (auto fault = read_string(value, out)) return fault;
  if (out.empty() || out.starts_with("https://") || out.starts_with("http://")) return std::nullopt;
  return "expected a URL, e.g. \"https://panel.isp.example/bulkhead\"";
}

std::optional<std::string> read_engine(const TomlValue& value, std::string& out) {
  if (auto fault = read_string(value, out)) return fault;
  if (out == "sqlite") return std::nullopt;
  if (out == "mariadb") return "\"mariadb\" is not served by this version; use \"sqlite\"";
  return "expected \"sqlite\"";
}

std::optional<std::string> read_switch(const TomlValue& value, bool& out) {
  const auto* given = std::get_if<bool>(&value.content);
  if (given == nullptr) return "expected true or false";
  out = *given;
  return std::nullopt;
}

std::optional<std::string> read_absolute_path(const TomlValue& value, std::string& out) {
  if (auto fault = read_string(value, out)) return fault;
  if (out.empty() || out.front() != '/') return "expected an absolute path";
  return std::nullopt;
}

// Lists of bad senders, each a text of its own (monitoring/listings/zone.h).
std::optional<std::string> read_zones(const TomlValue& value, std::optional<std::vector<std::string>>& out) {
  constexpr std::size_t kZonesMax = 50;
  const auto* list = value.array();
  if (list == nullptr || list->size() > kZonesMax) {
    return "expected a list of at most 50 zones, e.g. [\"zen.spamhaus.org listed=127.0.0.2-127.0.0.11\"]";
  }
  out.emplace();
  std::vector<std::string> names;
  for (const auto& item : *list) {
    const auto* text = item.string();
    if (text == nullptr) return "expected each zone as a string in quotes";
    const auto zone = listings::parse_zone(*text);
    if (!zone) return zone.error().message;
    if (std::find(names.begin(), names.end(), zone->name) != names.end()) return zone->name + " is listed twice";
    names.push_back(zone->name);
    out->push_back(*text);
  }
  return std::nullopt;
}

std::optional<std::string> read_interval(const TomlValue& value, std::chrono::seconds& out) {
  return read_duration(value, out, std::chrono::seconds{1});
}

std::optional<std::string> read_gate(const TomlValue& value, std::string& out) {
  if (auto fault = read_string(value, out)) return fault;
  if (out == "off" || out == "warn" || out == "new" || out == "require") return std::nullopt;
  return "expected \"off\", \"warn\", \"new\" or \"require\"";
}

// A protocol of the product that this version does not serve yet: only the empty list is honest.
std::optional<std::string> read_unserved(const TomlValue& value) {
  const auto* list = value.array();
  if (list != nullptr && list->empty()) return std::nullopt;
  return "this protocol is not served by this version; leave the list empty";
}

// The configuration, declared: every key with its reader.
using Readers = std::map<std::string, Reader, std::less<>>;
using C = Configuration;
using V = TomlValue;

Readers readers_of_servers() {
  return {
      {"node.name", [](const V& v, C& c) { return read_host_name(v, c.node.name); }},
      {"node.data", [](const V& v, C& c) { return read_absolute_path(v, c.node.data); }},
      {"node.threads", [](const V& v, C& c) { return read_number(v, c.node.threads, 0, 256); }},
      {"node.user", [](const V& v, C& c) { return read_string(v, c.node.user); }},
      {"directory.engine", [](const V& v, C& c) { return read_engine(v, c.directory.engine); }},
      {"directory.url", [](const V& v, C& c) { return read_string(v, c.directory.url); }},
      {"listen.smtp", [](const V& v, C& c) { return read_endpoints(v, c.listen.smtp); }},
      {"listen.submission", [](const V& v, C& c) { return read_endpoints(v, c.listen.submission); }},
      {"listen.submissions", [](const V& v, C& c) { return read_endpoints(v, c.listen.submissions); }},
      {"listen.imap", [](const V& v, C&) { return read_unserved(v); }},
      {"listen.imaps", [](const V& v, C&) { return read_unserved(v); }},
      {"listen.pop3", [](const V& v, C&) { return read_unserved(v); }},
      {"listen.pop3s", [](const V& v, C&) { return read_unserved(v); }},
      {"listen.managesieve", [](const V& v, C&) { return read_unserved(v); }},
      {"listen.lmtp", [](const V& v, C&) { return read_unserved(v); }},
      {"listen.http", [](const V& v, C& c) { return read_endpoints(v, c.listen.http); }},
      {"listen.https", [](const V& v, C& c) { return read_endpoints(v, c.listen.https); }},
      {"listen.metrics", [](const V& v, C& c) { return read_endpoints(v, c.listen.metrics); }},
      {"listen.admin", [](const V& v, C& c) { return read_absolute_path(v, c.listen.admin); }},
      {"dns.servers", [](const V& v, C& c) { return read_endpoints(v, c.dns.servers); }},
      {"tls.certificate", [](const V& v, C& c) { return read_absolute_path(v, c.tls.certificate); }},
      {"tls.key", [](const V& v, C& c) { return read_absolute_path(v, c.tls.key); }},
      {"smtp.command_timeout", [](const V& v, C& c) { return read_timeout(v, c.smtp.command_timeout); }},
      {"smtp.data_timeout", [](const V& v, C& c) { return read_timeout(v, c.smtp.data_timeout); }},
      {"smtp.handshake_timeout", [](const V& v, C& c) { return read_timeout(v, c.smtp.handshake_timeout); }},
      {"smtp.data_bytes_per_minute",
       [](const V& v, C& c) { return read_number(v, c.smtp.data_bytes_per_minute, 0, 1000000000); }},
      {"smtp.message_size", [](const V& v, C& c) { return read_number(v, c.smtp.message_size, 65536, 2147483647); }},
      {"smtp.messages_per_session",
       [](const V& v, C& c) { return read_number(v, c.smtp.messages_per_session, 1, 1000000); }},
      {"smtp.errors_per_session", [](const V& v, C& c) { return read_number(v, c.smtp.errors_per_session, 1, 1000); }},
  };
}

Readers readers_of_mail() {
  return {
      {"delivery.port", [](const V& v, C& c) { return read_number(v, c.delivery.port, 1, 65535); }},
      {"delivery.connect_timeout", [](const V& v, C& c) { return read_timeout(v, c.delivery.connect_timeout); }},
      {"delivery.greeting_timeout", [](const V& v, C& c) { return read_timeout(v, c.delivery.greeting_timeout); }},
      {"delivery.command_timeout", [](const V& v, C& c) { return read_timeout(v, c.delivery.command_timeout); }},
      {"delivery.data_timeout", [](const V& v, C& c) { return read_timeout(v, c.delivery.data_timeout); }},
      {"delivery.end_of_data_timeout",
       [](const V& v, C& c) { return read_timeout(v, c.delivery.end_of_data_timeout); }},
      {"delivery.connections_per_lane",
       [](const V& v, C& c) { return read_number(v, c.delivery.connections_per_lane, 1, 1000); }},
      {"delivery.messages_per_connection",
       [](const V& v, C& c) { return read_number(v, c.delivery.messages_per_connection, 1, 100000); }},
      {"queue.retry", [](const V& v, C& c) { return read_retry(v, c.queue.retry); }},
      {"queue.expire_after", [](const V& v, C& c) { return read_interval(v, c.queue.expire_after); }},
      {"queue.warn_after", [](const V& v, C& c) { return read_interval(v, c.queue.warn_after); }},
      {"queue.deliveries_max",
       [](const V& v, C& c) { return read_number(v, c.queue.deliveries_max, 0, 1'000'000'000); }},
      {"reputation.reply_rules", [](const V& v, C& c) { return read_absolute_path(v, c.reputation.reply_rules); }},
      {"reputation.shadow", [](const V& v, C& c) { return read_switch(v, c.reputation.shadow); }},
      {"trace.retention", [](const V& v, C& c) { return read_retention(v, c.trace.retention); }},
      {"monitor.zones", [](const V& v, C& c) { return read_zones(v, c.monitor.zones); }},
      {"monitor.interval", [](const V& v, C& c) { return read_interval(v, c.monitor.interval); }},
      {"monitor.confirm_after", [](const V& v, C& c) { return read_interval(v, c.monitor.confirm_after); }},
      {"monitor.readiness", [](const V& v, C& c) { return read_gate(v, c.monitor.readiness); }},
      {"monitor.readiness_interval", [](const V& v, C& c) { return read_interval(v, c.monitor.readiness_interval); }},
      {"monitor.readiness_patience", [](const V& v, C& c) { return read_interval(v, c.monitor.readiness_patience); }},
      {"limits.sessions", [](const V& v, C& c) { return read_number(v, c.limits.sessions, 1, 1000000); }},
      {"limits.sessions_per_client",
       [](const V& v, C& c) { return read_number(v, c.limits.sessions_per_client, 1, 1000000); }},
      {"notify.operator", [](const V& v, C& c) { return read_mail_address(v, c.notify.operator_address); }},
      {"notify.tenant", [](const V& v, C& c) { return read_string(v, c.notify.tenant); }},
      {"notify.tenants", [](const V& v, C& c) { return read_boolean(v, c.notify.tells_tenants); }},
      {"notify.webhook", [](const V& v, C& c) { return read_webhook(v, c.notify.webhook); }},
      {"notify.webhook_secret_file",
       [](const V& v, C& c) { return read_absolute_path(v, c.notify.webhook_secret_file); }},
      {"firewall.marks", [](const V& v, C& c) { return read_boolean(v, c.firewall.marks); }},
  };
}

const Readers& readers() {
  static const Readers table = [] {
    Readers all = readers_of_servers();
    all.merge(readers_of_mail());
    return all;
  }();
  return table;
}

// Optimal string alignment distance: a swap of neighbours, the commonest slip, counts one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> at(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) at[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) at[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = at[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      at[i][j] = std::min({at[i - 1][j] + 1, at[i][j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) at[i][j] = std::min(at[i][j], at[i - 2][j - 2] + 1);
    }
  }
  return at[a.size()][b.size()];
}

std::string unknown_key_message(const std::string& key) {
  std::string nearest;
  std::size_t least = 4;
  for (const auto& [known, reader] : readers()) {
    const std::size_t distance = edit_distance(key.substr(0, 64), known);
    if (distance < least) {
      least = distance;
      nearest = known;
    }
  }
  return nearest.empty() ? "no such key; docs/reference/configuration.md lists them"
                         : "no such key; did you mean " + nearest + "?";
}

class Parser {
 public:
  explicit Parser(std::string file) : file_(std::move(file)) {}

  ConfigurationReading run(std::string_view text) {
    if (text.size() > kFileSizeMax) {
      fault(0, "", "larger than 1 MiB: this is not a configuration file");
      return std::move(reading_);
    }
    set_defaults();
    const auto read = parse_toml(text);
    for (const auto& wrong : read.faults) fault(wrong.line, "", wrong.message);
    for (const auto& entry : read.entries) read_entry(entry);
    // What is missing may be what could not be read.
    if (read.faults.empty()) check_whole();
    std::ranges::stable_sort(reading_.faults, {}, &ConfigurationFault::line);
    return std::move(reading_);
  }

 private:
  void set_defaults() {
    auto& listen = reading_.configuration.listen;
    const auto both = [](std::uint16_t port) {
      return std::vector<SocketAddress>{{*IpAddress::parse("0.0.0.0"), port}, {*IpAddress::parse("::"), port}};
    };
    listen.smtp = both(25);
    listen.submission = both(587);
    listen.submissions = both(465);
    listen.http = {*SocketAddress::parse("127.0.0.1:8080")};
    listen.metrics = {*SocketAddress::parse("127.0.0.1:9925")};
  }

  void read_entry(const TomlEntry& entry) {
    const auto& [key, value] = entry;
    lines_[key] = value.line;
    const auto reader = readers().find(key);
    if (reader == readers().end()) {
      const char* place = key.find('.') == std::string::npos ? "a key outside of any section; " : "";
      fault(value.line, key, place + unknown_key_message(key));
    } else if (auto message = reader->second(value, reading_.configuration)) {
      fault(value.line, key, std::move(*message));
    }
  }

  // What concerns more than one key.
  void check_whole() {
    auto& c = reading_.configuration;
    if (c.node.name.empty()) c.node.name = host_name();
    if (c.tls.certificate.empty() != c.tls.key.empty()) {
      fault(line_of(c.tls.key.empty() ? "tls.certificate" : "tls.key"), "tls",
            "certificate and key belong together: give both, or neither for a self-signed one");
    }
    if (c.notify.webhook.empty() != c.notify.webhook_secret_file.empty()) {
      fault(line_of(c.notify.webhook.empty() ? "notify.webhook_secret_file" : "notify.webhook"), "notify",
            "webhook and webhook_secret_file belong together: posts are signed");
    }
    if (!c.directory.url.empty() && c.directory.engine == "sqlite") {
      fault(line_of("directory.url"), "directory.url", "the engine sqlite takes no url");
    }
    if (c.queue.warn_after >= c.queue.expire_after) {
      fault(line_of("queue.warn_after"), "queue.warn_after", "must be shorter than queue.expire_after");
    }
    if (c.listen.admin.size() > 107) {
      fault(line_of("listen.admin"), "listen.admin", "a socket path has at most 107 characters");
    }
    check_endpoints_differ();
  }

  void check_endpoints_differ() {
    const auto& listen = reading_.configuration.listen;
    std::map<std::string, std::string> seen;
    const std::array lists{std::pair{"listen.smtp", &listen.smtp},
                           std::pair{"listen.submission", &listen.submission},
                           std::pair{"listen.submissions", &listen.submissions},
                           std::pair{"listen.http", &listen.http},
                           std::pair{"listen.https", &listen.https},
                           std::pair{"listen.metrics", &listen.metrics}};
    for (const auto& [key, list] : lists) {
      for (const auto& endpoint : *list) {
        if (endpoint.port == 0) continue;
        const auto [at, is_new] = seen.emplace(endpoint.text(), key);
        if (!is_new) fault(line_of(key), key, fmt::format("{} is already taken by {}", endpoint.text(), at->second));
      }
    }
  }

  static std::string host_name() {
    std::array<char, 256> buffer{};
    if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
    const auto canonical = mail::canonical_domain(buffer.data());
    return canonical ? *canonical : "localhost";
  }

  std::uint32_t line_of(const std::string& key) const {
    const auto at = lines_.find(key);
    return at == lines_.end() ? 0 : at->second;
  }
  void fault(std::uint32_t line, std::string key, std::string message) {
    reading_.faults.push_back({file_, line, std::move(key), std::move(message)});
  }

  std::string file_;
  std::map<std::string, std::uint32_t> lines_;
  ConfigurationReading reading_;
};

}  // namespace

ConfigurationReading parse_configuration(std::string_view text, const std::string& file) {
  return Parser{file}.run(text);
}

ConfigurationReading read_configuration(const std::string& file) {
  // A directory can be opened, and has nothing in it.
  std::error_code ignored;
  const bool is_directory = std::filesystem::is_directory(file, ignored);
  std::ifstream stream{file, std::ios::binary};
  if (is_directory || !stream) {
    const std::string what = is_directory ? "is a directory" : "cannot be opened";
    ConfigurationReading reading;
    reading.faults.push_back({file, 0, "", what + "; name a file with --config FILE or BULKHEAD_CONFIG"});
    return reading;
  }
  std::string text(kFileSizeMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return parse_configuration(text, file);
}

ConfigurationChange compare(const Configuration& before, const Configuration& after) {
  ConfigurationChange change;
  const auto note = [](std::vector<std::string>& changed, const char* section, bool is_same) {
    if (!is_same) changed.emplace_back(section);
  };
  note(change.live, "[smtp]", before.smtp == after.smtp);
  note(change.live, "[limits]", before.limits == after.limits);
  note(change.live, "[delivery]", before.delivery == after.delivery);
  note(change.live, "[queue]", before.queue == after.queue);
  note(change.live, "[dns]", before.dns == after.dns);
  note(change.live, "[monitor]", before.monitor == after.monitor);
  note(change.live, "[notify]", before.notify == after.notify);
  note(change.at_start, "[node]", before.node == after.node);
  note(change.at_start, "[directory]", before.directory == after.directory);
  note(change.at_start, "[listen]", before.listen == after.listen);
  note(change.at_start, "[reputation]", before.reputation == after.reputation);
  note(change.at_start, "[firewall]", before.firewall == after.firewall);
  note(change.at_start, "[trace]", before.trace == after.trace);
  note(change.at_start, "[tls]", before.tls == after.tls);
  return change;
}

std::vector<std::string> configuration_keys() {
  std::vector<std::string> keys;
  for (const auto& [key, reader] : readers()) keys.push_back(key);
  return keys;
}

}  // namespace bulkhead::app
