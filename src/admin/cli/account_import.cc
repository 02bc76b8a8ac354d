#include "src/admin/cli/account_import.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "src/admin/csv.h"

namespace bulkhead::admin::cli {
namespace {

constexpr std::size_t kRowsMax = 10'000'000;
// Each password costs tens of milliseconds of hashing; a part is answered within seconds.
constexpr std::size_t kPartSize = 50;

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields) line += (&field == &fields.front() ? "" : ",") + csv_field(field);
  return line + "\n";
}

Result<CsvTable> read_table(CommandContext& context, const std::string& path) {
  std::stringstream text;
  if (path == "-") {
    text << context.in.rdbuf();
  } else {
    std::ifstream file{path, std::ios::binary};
    if (!file) {
      const auto reason = std::generic_category().message(errno);
      return fail(ErrorCode::kNotFound, fmt::format("the file {} cannot be read: {}", path, reason));
    }
    text << file.rdbuf();
  }
  return parse_csv(text.str(), kRowsMax);
}

// Sizes with a unit become bytes, as --quota takes them; what is no size is left for the server to refuse.
void count_quotas_in_bytes(CsvTable& table) {
  const auto column = std::ranges::find(table.columns, "quota");
  if (column == table.columns.end()) return;
  const auto index = static_cast<std::size_t>(column - table.columns.begin());
  for (auto& row : table.rows) {
    if (index >= row.fields.size()) continue;
    if (const auto size = parse_size(row.fields[index])) row.fields[index] = std::to_string(*size);
  }
}

// What the parts came to.
struct Tally {
  std::uint64_t created = 0;
  Json failed = Json::array();
};

Status send_part(CommandContext& context, const CsvTable& table, std::size_t first, Tally& tally) {
  std::string csv = csv_line(table.columns);
  std::vector<std::size_t> lines;  // in the file, of each line of the part
  const auto end = std::min(first + kPartSize, table.rows.size());
  for (std::size_t i = first; i < end; ++i) {
    const auto& row = table.rows[i];
    const auto line = csv_line(row.fields);
    lines.insert(lines.end(), static_cast<std::size_t>(std::ranges::count(line, '\n')), row.line);
    csv += line;
  }
  const auto answer = context.api.post_csv("/accounts/import", std::move(csv));
  if (!answer) return fail(answer.error());
  tally.created += answer->value("created", std::uint64_t{0});
  for (Json failure : member(*answer, "failed")) {
    const auto line = failure.value("line", std::size_t{0});
    if (line >= 2 && line - 2 < lines.size()) failure["line"] = lines[line - 2];
    tally.failed.push_back(std::move(failure));
  }
  return {};
}

}  // namespace

Status import_accounts(CommandContext& context, const Arguments& arguments) {
  auto table = read_table(context, arguments.text("FILE"));
  if (!table) return fail(table.error());
  count_quotas_in_bytes(*table);
  Tally tally;
  for (std::size_t first = 0; first < table->rows.size(); first += kPartSize) {
    if (auto sent = send_part(context, *table, first, tally); !sent) {
      return fail(sent.error().code, fmt::format("{} (accounts added before: {})", sent.error().message, tally.created),
                  sent.error().advice);
    }
    context.output.progress(std::min(first + kPartSize, table->rows.size()), table->rows.size());
  }
  for (const auto& failure : tally.failed) {
    context.output.warn(fmt::format("line {}: {}", failure.value("line", 0), failure.value("message", std::string{})));
  }
  context.output.done(Json{{"created", tally.created}, {"failed", tally.failed}},
                      fmt::format("{} accounts added, {} refused", tally.created, tally.failed.size()));
  if (tally.failed.empty()) return {};
  return fail(ErrorCode::kConflict, fmt::format("{} rows were refused", tally.failed.size()));
}

}  // namespace bulkhead::admin::cli
