#include "src/mail/report.h"

#include <algorithm>
#include <array>

#include "src/mail/base64.h"

namespace bulkhead::mail {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kReceivedMax = 50;
constexpr std::size_t kAddressMax = 320;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The next line, without its end, taken off `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// What stands after the header section's empty line.
std::string_view content_after(std::string_view text) {
  while (!text.empty()) {
    if (take_line(text).empty()) return text;
  }
  return {};
}

struct ContentType {
  std::string type, boundary, report_type;
};

// A parameter's value up to the next ';', unquoted.
std::string take_value(std::string_view& rest) {
  std::string value;
  if (!rest.empty() && rest.front() == '"') {
    rest.remove_prefix(1);
    while (!rest.empty() && rest.front() != '"') {
      if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
      value += rest.front();
      rest.remove_prefix(1);
    }
  } else {
    value = trimmed(rest.substr(0, rest.find_first_of("; \t")));
  }
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  return value;
}

ContentType content_type_of(std::string_view body) {
  ContentType read;
  auto rest = body.substr(std::min(body.find(';'), body.size()));
  read.type = lower(trimmed(body.substr(0, body.find(';'))));
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto equals = rest.find_first_of("=;");
    if (equals == std::string_view::npos) break;
    const auto name = lower(trimmed(rest.substr(0, equals)));
    const bool has_value = rest[equals] == '=';
    rest.remove_prefix(equals);
    if (!has_value) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    auto value = take_value(rest);
    if (name == "boundary") read.boundary = std::move(value);
    if (name == "report-type") read.report_type = lower(value);
  }
  return read;
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

// RFC 2045 §6.7; a malformed escape stays as it is.
std::string decode_quoted_printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    if (text.substr(i + 1).starts_with("\r\n")) {
      i += 2;
      continue;
    }
    if (text.substr(i + 1).starts_with("\n")) {
      ++i;
      continue;
    }
    const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = high ? hex_digit(text[i + 2]) : std::nullopt;
    if (!low) {
      out += '=';
      continue;
    }
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

std::string decoded(std::string_view content, std::string_view encoding) {
  if (encoding == "quoted-printable") return decode_quoted_printable(content);
  if (encoding != "base64") return std::string{content};
  std::string dense;
  for (const char c : content) {
    if (kBlanks.find(c) == std::string_view::npos) dense += c;
  }
  return decode_base64(dense).value_or(std::string{});
}

ReportPart part_of(std::string_view text) {
  // A part may have no header at all: it begins with an empty line then.
  const auto fields = header_fields(text, 50);
  ReportPart part;
  part.type = content_type_of(body_of(fields, "content-type")).type;
  if (part.type.empty()) part.type = "text/plain";
  part.content = decoded(content_after(text), lower(body_of(fields, "content-transfer-encoding")));
  return part;
}

// The texts between the boundary's lines; the last may lack its end.
std::vector<ReportPart> split_parts(std::string_view text, const std::string& boundary) {
  const std::string delimiter = "--" + boundary;
  std::vector<ReportPart> parts;
  const char* begin = nullptr;
  while (!text.empty() && parts.size() < Report::kPartsMax) {
    const char* at = text.data();
    const auto line = take_line(text);
    const bool is_delimiter = line.starts_with(delimiter);
    const auto tail = is_delimiter ? line.substr(delimiter.size()) : std::string_view{};
    const bool is_end = is_delimiter && tail.starts_with("--");
    if (!is_end && (!is_delimiter || tail.find_first_not_of(" \t") != std::string_view::npos)) continue;
    if (begin != nullptr) parts.push_back(part_of({begin, static_cast<std::size_t>(at - begin)}));
    begin = text.data();
    if (is_end) return parts;
  }
  if (begin != nullptr && parts.size() < Report::kPartsMax && begin <= text.data() + text.size()) {
    parts.push_back(part_of({begin, static_cast<std::size_t>(text.data() + text.size() - begin)}));
  }
  return parts;
}

// "… id TOKEN …" of a Received field, as a message id of ours.
std::optional<MessageId> id_in(std::string_view received) {
  constexpr std::size_t kIdSize = 26;
  for (std::size_t at = received.find(" id "); at != std::string_view::npos; at = received.find(" id ", at + 1)) {
    auto rest = received.substr(at + 4);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    const auto token = rest.substr(0, rest.find_first_of(" \t;"));
    if (token.size() != kIdSize) continue;
    if (auto id = MessageId::parse(token)) return id;
  }
  return std::nullopt;
}

}  // namespace

std::vector<HeaderField> header_fields(std::string_view section, std::size_t most) {
  std::vector<HeaderField> fields;
  bool is_skipped = true;
  while (!section.empty()) {
    const auto line = take_line(section);
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') {
      if (is_skipped || fields.empty()) continue;
      auto& body = fields.back().body;
      if (body.size() < HeaderField::kBodyMax) {
        body += ' ';
        body += trimmed(line).substr(0, HeaderField::kBodyMax - body.size());
      }
      continue;
    }
    const auto colon = line.find(':');
    is_skipped = colon == std::string_view::npos || colon == 0 || colon > 100 || fields.size() >= most;
    if (is_skipped) continue;
    fields.push_back({lower(trimmed(line.substr(0, colon))),
                      std::string{trimmed(line.substr(colon + 1)).substr(0, HeaderField::kBodyMax)}});
  }
  return fields;
}

std::string_view body_of(const std::vector<HeaderField>& fields, std::string_view name) {
  for (const auto& field : fields) {
    if (field.name == name) return field.body;
  }
  return {};
}

const ReportPart* Report::part(std::initializer_list<std::string_view> types) const {
  for (const auto& each : parts) {
    if (std::find(types.begin(), types.end(), each.type) != types.end()) return &each;
  }
  return nullptr;
}

Result<Report> parse_report(std::string_view message) {
  message = message.substr(0, Report::kMessageMax);
  const auto fields = header_fields(message);
  const auto content_type = content_type_of(body_of(fields, "content-type"));
  if (content_type.type != "multipart/report") return fail(ErrorCode::kInvalid, "it is no multipart/report");
  constexpr std::size_t kBoundaryMax = 70;  // RFC 2046 §5.1.1
  if (content_type.boundary.empty() || content_type.boundary.size() > kBoundaryMax) {
    return fail(ErrorCode::kInvalid, "its boundary is missing or too long");
  }
  Report report;
  report.type = content_type.report_type;
  report.parts = split_parts(content_after(message), content_type.boundary);
  if (report.parts.empty()) return fail(ErrorCode::kInvalid, "it has no parts");
  return report;
}

ReportedOriginal original_of(const Report& report) {
  ReportedOriginal original;
  const auto* part = report.part({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"});
  if (part == nullptr) return original;
  std::size_t received = 0;
  for (const auto& field : header_fields(part->content)) {
    if (field.name == "message-id" && original.message_id.empty()) original.message_id = field.body;
    if (field.name != "received" || ++received > kReceivedMax) continue;
    const auto id = id_in(field.body);
    if (!id || original.ids.size() >= ReportedOriginal::kIdsMax) continue;
    if (std::find(original.ids.begin(), original.ids.end(), *id) == original.ids.end()) original.ids.push_back(*id);
  }
  return original;
}

std::string address_in(std::string_view text) {
  if (const auto semicolon = text.find(';'); semicolon != std::string_view::npos) text.remove_prefix(semicolon + 1);
  if (const auto open = text.find('<'); open != std::string_view::npos) {
    text.remove_prefix(open + 1);
    text = text.substr(0, text.find('>'));
  }
  return std::string{trimmed(text).substr(0, kAddressMax)};
}

}  // namespace bulkhead::mail
