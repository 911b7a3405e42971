"""Words that the demo data is made of: invented people, streets, texts. Any likeness to a living person is chance.

Belongs here: words only. Does not belong here: how they are put together (`app.seeds`, `app.seed_scale`).
"""

from __future__ import annotations

_FIRST_NAMES = (
    "Adaeze Aiko Alejandra Amara Amir Anders Anika Antoine Arjun Astrid Aurelio Ayumi Beatriz "
    "Bilal Bridget Camila Caspian "
    "Chidi Clara Dariusz Deepa Delphine Dmitri Ebony Eduardo Elif Emeka Esther Farid Fatima Felix Fiona Giulia Gonzalo "
    "Grace Hana Hassan Helga Hiroshi Ibrahim Imani Ingrid Isadora Ivan Jamal Jasmine Joaquin Jovana Kalani Kavya Keiko "
    "Kofi Lars Leilani Lena Linh Lorenzo Lucia Maeve Malik Manon Marcus Mei Miguel Mina Nadia Naveen Niamh Noor Oksana "
    "Olumide Omar Orla Paloma Pedro Petra Priya Quentin Rafael Rania Rashid Rosa Ruth Sakura Samir Sana Selma Simone "
    "Siobhan Soren Tamar Tariq Teresa Thandiwe Thuy Tomas Umar Valentina Viktor Wanjiru Wei Xiomara Yara Yusuf Zainab "
    "Zofia Zoltan André Chloé François Günther Håkon Inês João José Léa Mónica Óscar Søren Zoë"
)
_LAST_NAMES = (
    "Abara Achterberg Adeyemi Aguilar Ahlberg Akhtar Amari Andrade Arslan Asante Bakker Balogun Banerjee Barlow Becker "
    "Benali Bergström Bianchi Boateng Bouchard Brennan Caldeira Campos Castellanos Chaudhry "
    "Cisneros Clement Cohen Corrigan "
    "Dahl Delacroix Delgado Desai Diallo Dimitrov Donovan Dvořák Eriksen Espinoza Fairbanks Farouk Ferreira Fitzgerald "
    "Fontaine Fukuda Gallagher Garza Ghosh Gonçalves Guerrero Hagen Halloran Hashimoto "
    "Heikkinen Hernández Hoang Hussain "
    "Ibarra Iyer Jankowski Johansson Kaminski Kapoor Karimi Kaya Keller Khumalo Kimura "
    "Kowalczyk Kruger Laurent Lindqvist "
    "Lombardi Mahlangu Makinen Mancini Marchetti Marsh Mbeki Mendoza Mihailov Moreau Mukherjee Nakagawa Nasser Ngata "
    "Nguyen Novak Núñez Nwosu O'Malley Oduya Okafor Olsen Onyango Ortega Osman Ozturk Palmer Papadakis Park Pellegrini "
    "Petrov Pham Quintero Rahman Ramírez Rasmussen Reyes Rosenthal Sabatini Saito Salazar "
    "Santos Schreiber Sharma Silva "
    "Singh Sokolov Solano Suzuki Tahir Takeda Tanaka Teixeira Thorne Torres Tran Tuncer Ueda Vandenberg Vargas Vasquez "
    "Venter Villanueva Vogel Walsh Watanabe Weiss Yamamoto Yılmaz Zhao Zielinski Zimmermann"
)
FIRST, LAST = tuple(_FIRST_NAMES.split()), tuple(_LAST_NAMES.split())
DOUBLE_LAST = (
    "de la Cruz",
    "van der Meer",
    "Ó Súilleabháin",
    "bin Yusof",
    "García Moreno",
    "von Ahrens",
    "Lee-Hamilton",
    "dos Santos",
)
COMPANIES = (
    "Alder & Finch Interiors",
    "Bluegate Mortgage",
    "Cedar Row Holdings",
    "Copperline Inspections",
    "Driftwood Cafe Group",
    "Eastlight Title",
    "Fernhill Dental",
    "Greywater Plumbing",
    "Hollow Oak Brewing",
    "Ironbridge Partners",
    "Juniper Moving Co.",
    "Kestrel Staging",
    "Lantern Lane Properties",
    "Millrace Roofing",
    "Northbound Logistics",
    "Orchard Park Ventures",
    "Pinecrest Pediatrics",
    "Quarry Street Studio",
)
JOBS = (
    "Architect",
    "Bookkeeper",
    "Chef",
    "Civil engineer",
    "Dentist",
    "Electrician",
    "Librarian",
    "Loan officer",
    "Nurse",
    "Owner",
    "Pharmacist",
    "Photographer",
    "Pilot",
    "Professor",
    "Software developer",
    "Teacher",
    "Violinist",
)
STREETS = (
    "Alder Street",
    "Anchor Way",
    "Aspen Court",
    "Beacon Hill Road",
    "Birchwood Drive",
    "Bridge Street",
    "Canyon View Drive",
    "Chestnut Avenue",
    "Cliff Walk",
    "Cobblers Lane",
    "Elm Terrace",
    "Fern Hollow Road",
    "Garnet Street",
    "Harborview Place",
    "Hawthorn Lane",
    "Juniper Ridge",
    "Lighthouse Road",
    "Lupine Trail",
    "Maple Street",
    "Meadowlark Lane",
    "Mill Pond Road",
    "Orchard Street",
    "Pine Needle Way",
    "Quarry Road",
    "Ridgeline Drive",
    "Saltmarsh Lane",
    "Schooner Court",
    "Spruce Street",
    "Summit Avenue",
    "Tamarack Lane",
    "Wharf Street",
    "Willow Bend",
)
NEXT_STEPS = (
    "Call back about financing",
    "Send comparable sales",
    "Book a second viewing",
    "Collect proof of funds",
    "Confirm inspection date",
    "Send the listing agreement",
    "Ask about the school district",
    "Follow up after the open house",
    "Share three more listings",
    "Check the HOA documents",
    "Prepare a price opinion",
    "Introduce to a lender",
    "Walk through the disclosure",
    "Plan photos and staging",
)
ABOUTS = (
    "Looking for three bedrooms and a garden, ideally within walking distance of a school.",
    "Wants to sell before the end of the quarter and rent for a few months.",
    "Relocating for work; can view at weekends only.",
    "Owns two rental flats and thinks about a third one.",
    "First-time buyers, pre-approved, patient but decided on the neighborhood.",
    "Inherited the house from an aunt; needs help with clearing and repairs before listing.",
    "Downsizing. One level, a garage, and light in the kitchen matter most.",
)
NOTES = (
    "Prefers text messages over calls, best after five in the afternoon.",
    "Loved the kitchen on Orchard Street, found the garden too small.",
    "Their lender is slow. Ask for the letter again before the weekend.",
    "Has a dog, so a fenced yard is a must.",
    "Partner works nights: viewings before noon only.",
    "Asked what a new roof would do to the price. I promised two numbers.",
    "Met at the open house; came back with parents an hour later.",
    "Would go up to the asking price for the right light.",
    "Lease ends in ten weeks, so there is a real deadline.",
    "Wants to hear about anything near the water first.",
)
ACTIVITIES = (
    ("call", "First call", 15),
    ("call", "Call about the budget", 20),
    ("call", "Left a voicemail", 2),
    ("viewing", "Viewing", 45),
    ("viewing", "Second viewing", 40),
    ("meeting", "Coffee and wish list", 50),
    ("meeting", "Listing appointment", 75),
    ("open_house", "Came to the open house", 20),
    ("inquiry", "Asked about a listing on the website", None),
    ("text", "Sent three listings", None),
)
TASKS = (
    "Call back",
    "Send comparable sales",
    "Order the inspection",
    "Chase the lender's letter",
    "Prepare the listing agreement",
    "Book the photographer",
    "Collect the keys",
    "Send the disclosure",
    "Confirm the viewing",
    "Review the offer",
    "Thank-you note",
    "Schedule the walk-through",
)
LETTERS = (
    (
        "Three homes you may like",
        "here are three homes that fit what you told me. The second one has the light you asked "
        "for.\n\nWhen could you come and see it?",
    ),
    (
        "Your viewing",
        "thank you for coming today. I will find out about the roof and the taxes and write again tomorrow.",
    ),
    (
        "What your home could bring",
        "I looked at what sold near you this season. We should talk about a price and about the right week to list.",
    ),
    (
        "Next steps",
        "the inspection is booked. After that we have five days to decide. I will call you as soon "
        "as the report is there.",
    ),
    (
        "Nice to meet you",
        "it was good to meet you at the open house. Tell me what matters most to you, and I will keep my eyes open.",
    ),
)
TAGS = (
    "Investor",
    "First-time buyer",
    "Relocating",
    "Luxury",
    "Waterfront",
    "Open house",
    "Past client",
    "Referral",
    "Cash buyer",
    "Newsletter",
)
