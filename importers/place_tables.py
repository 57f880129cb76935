"""What the compiler of the gazetteer knows by itself: codes, nicknames, corrections."""

HOME = ("AU", "CA", "GB", "IE", "NZ", "US")  # countries with postal codes and every alias
ISLANDS = ("GG", "IM", "JE")  # with British postal codes of their own
TERRITORIES = {
    "AS": "American Samoa",
    "GU": "Guam",
    "MP": "Northern Mariana Islands",
    "PR": "Puerto Rico",
    "VI": "U.S. Virgin Islands",
}
# GeoNames' first-order codes as ISO 3166-2 and the names.
REGIONS = {
    "CA": "01 AB Alberta|02 BC British Columbia|03 MB Manitoba|04 NB New Brunswick|"
    "05 NL Newfoundland and Labrador|07 NS Nova Scotia|08 ON Ontario|09 PE Prince Edward Island|"
    "10 QC Quebec|11 SK Saskatchewan|12 YT Yukon|13 NT Northwest Territories|14 NU Nunavut",
    "AU": "01 ACT Australian Capital Territory|02 NSW New South Wales|03 NT Northern Territory|"
    "04 QLD Queensland|05 SA South Australia|06 TAS Tasmania|07 VIC Victoria|"
    "08 WA Western Australia",
    "GB": "ENG ENG England|SCT SCT Scotland|WLS WLS Wales|NIR NIR Northern Ireland",
}
# Spellings in the postal data that are not the name of the region.
SPELLINGS = {"northwest territory": "NT", "nunavut territory": "NU", "yukon territory": "YT"}
# How regions are shortened beside their codes, where that is no common word or name.
SHORT_REGIONS = {
    "AL": "Ala",
    "AZ": "Ariz",
    "CA": "Calif",
    "CO": "Colo",
    "CT": "Conn",
    "FL": "Fla",
    "MA": "Mass",
    "MI": "Mich",
    "MN": "Minn",
    "NE": "Nebr",
    "OK": "Okla",
    "ON": "Ont",
    "TN": "Tenn",
    "WI": "Wisc",
}
COUNTRY_NAMES = {
    "US": "USA|United States of America|America|the United States",
    "GB": "UK|Great Britain|Britain",
    "IE": "Republic of Ireland|Eire",
    "CZ": "Czech Republic",
    "NL": "Holland",
}
RENAMED = {"New York City": "New York"}
# As everybody there says; of parts of the country, the county in their middle.
NICKNAMES = {
    ("US", "CA", "Alameda County"): "Bay Area|SF Bay Area|East Bay",
    ("US", "CA", "Orange County"): "OC|The OC",
    ("US", "CA", "Santa Clara County"): "Silicon Valley",
    ("US", "MA", "Barnstable County"): "Cape Cod",
    ("US", "MN", "Minneapolis"): "Twin Cities|Mpls",
    ("US", "MO", "St. Louis"): "STL",
    ("US", "NC", "Dare County"): "Outer Banks|OBX",
    ("US", "NJ", "Monmouth County"): "Jersey Shore",
    ("US", "NM", "Albuquerque"): "ABQ",
    ("US", "NY", "Dutchess County"): "Hudson Valley",
    ("US", "NY", "Suffolk County"): "Long Island",
    ("US", "PA", "Delaware County"): "Delco",
    ("US", "PA", "Lehigh County"): "Lehigh Valley",
    ("US", "PA", "Montgomery County"): "Montco",
    ("US", "AZ", "Phoenix"): "PHX",
    ("US", "VA", "Norfolk"): "Hampton Roads",
    ("US", "NY", "New York"): "New York City|NYC|NY City",
    ("US", "NY", "The Bronx"): "Bronx",
    ("US", "CA", "Los Angeles"): "LA",
    ("US", "CA", "San Francisco"): "SF|San Fran",
    ("US", "DC", "Washington"): "DC|Washington DC",
    ("US", "FL", "Jacksonville"): "Jax",
    ("US", "FL", "St. Petersburg"): "St Pete",
    ("US", "GA", "Atlanta"): "ATL",
    ("US", "IN", "Indianapolis"): "Indy",
    ("US", "LA", "New Orleans"): "NOLA",
    ("US", "NV", "Las Vegas"): "Vegas",
    ("US", "OH", "Cincinnati"): "Cincy",
    ("US", "OK", "Oklahoma City"): "OKC",
    ("US", "PA", "Philadelphia"): "Philly",
    ("US", "UT", "Salt Lake City"): "SLC",
    ("CA", "QC", "Québec"): "Quebec City",
}
# Where both sources are far off, or the named city settles nothing: set by hand.
ZIP_POINTS = {
    "32815": (28.5240, -80.6510),  # Kennedy Space Center
    "82615": (42.3200, -106.2000),  # Shirley Basin, WY
    "92143": (32.5520, -117.0430),  # San Ysidro, San Diego
    "93042": (34.1194, -119.1211),  # Point Mugu; its ZIP area includes an island far out
    "96827": (21.3069, -157.8583),  # Honolulu
    "96835": (21.3069, -157.8583),  # Honolulu
    "99519": (61.2181, -149.9003),  # Anchorage, boxes
    "99695": (61.2181, -149.9003),  # Anchorage, boxes
}
# ZIPs of villages too small for the list of cities, where zip2info has the village and the
# Census point is the middle of a park, a desert or a census area: set by hand.
ZIPS_AT_TOWN = frozenset(
    "59936 89412 97906 99566 99586 99588 99613 99627 99640 99667 99691 99738 99781".split()
)
