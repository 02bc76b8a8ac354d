#include "src/app/complainant.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace bulkhead::app {

namespace {

// Domains under which everybody may have an address. What is missing counts as one person: too few, never too many.
constexpr std::array<std::string_view, 56> kOfEverybody{
    "126.com",     "163.com",        "aol.com",     "arcor.de",   "att.net",     "bellsouth.net",  "bk.ru",
    "bluewin.ch",  "btinternet.com", "comcast.net", "cox.net",    "free.fr",     "freenet.de",     "gmail.com",
    "gmx.at",      "gmx.ch",         "gmx.com",     "gmx.de",     "gmx.net",     "googlemail.com", "hotmail.co.uk",
    "hotmail.com", "hotmail.de",     "hotmail.fr",  "hotmail.it", "icloud.com",  "laposte.net",    "libero.it",
    "live.com",    "live.de",        "live.fr",     "mac.com",    "mail.ru",     "me.com",         "msn.com",
    "naver.com",   "orange.fr",      "outlook.com", "outlook.de", "proton.me",   "protonmail.com", "qq.com",
    "rambler.ru",  "sbcglobal.net",  "seznam.cz",   "sfr.fr",     "t-online.de", "verizon.net",    "wanadoo.fr",
    "web.de",      "wp.pl",          "yahoo.co.uk", "yahoo.com",  "yahoo.de",    "yahoo.fr",       "yandex.ru"};
static_assert(std::ranges::is_sorted(kOfEverybody));

std::string in_lower_case(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// The last two labels; three under names like co.uk, where a country's registry hands out the third.
std::string registered(const std::string& domain) {
  const auto before = [&domain](std::size_t dot) { return dot == 0 ? std::string::npos : domain.rfind('.', dot - 1); };
  const auto last = domain.rfind('.');
  if (last == std::string::npos) return domain;
  auto begin = before(last);
  if (begin == std::string::npos) return domain;
  const bool is_of_country = domain.size() - last - 1 == 2 && last - begin - 1 <= 3;
  if (is_of_country) begin = before(begin);
  return begin == std::string::npos ? domain : domain.substr(begin + 1);
}

std::string person_of(std::string_view address) {
  const auto at = address.rfind('@');
  std::string domain = in_lower_case(at == std::string_view::npos ? address : address.substr(at + 1));
  if (at == std::string_view::npos || !std::ranges::binary_search(kOfEverybody, domain)) return registered(domain);
  if (domain == "googlemail.com") domain = "gmail.com";
  std::string local = in_lower_case(address.substr(0, std::min(at, address.find('+'))));
  std::erase(local, '.');
  return local + "@" + domain;
}

}  // namespace

std::vector<std::string> people_of(const std::vector<std::string>& addresses) {
  std::vector<std::string> people;
  for (const auto& address : addresses) {
    if (people.size() >= kPeopleMax) break;
    auto person = person_of(address);
    if (std::ranges::find(people, person) == people.end()) people.push_back(std::move(person));
  }
  return people;
}

}  // namespace bulkhead::app
