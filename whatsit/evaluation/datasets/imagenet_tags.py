"""ImageNet's classes grouped into Whatsit's tags.

Numbers are those of the teacher's 1001 outputs (`imagenet_labels_1001.txt`, 0 is background): 1..398 are animals, the
rest runs alphabetically through artefacts up to 916, then print, dishes, food, nature and people.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS, TAG_TOPIC, TAGS, TOPICS

CLASSES = 1001

_TAG_CLASSES: dict[str, str] = {
    "fruit": "949 950 953-958",
    "citrus": "951 952",
    "vegetable": "937-947 988 999",
    "root and bulb": "",
    "mushroom": "948 992-998",
    "milk and dairy": "",
    "juice and drinks": "967 968 970",
    "bottle and can": "441 456 738 899 908",
    "packet and jar": "479 693",
    "bread and sweets": "928-933 961 962",
    "meal": "924-927 934-936 960 963-966",
    "dress": "400 579 602 615",
    "top": "412 444 611",
    "long sleeve": "475 698 842 912",
    "outerwear": "401 462 466 491 502 525 553 569 618 653 736 825 835 870 888",
    "trousers": "609",
    "shorts": "843",
    "skirt": "656 690 776",
    "swim and underwear": "446 460 497 530 639 640 807",
    "shoes": "503 515 631 771 775",
    "hat": "434 440 453 516 519 561 571 644 668 692 716 794 797 809 904",
    "bag": "415 598 637 729 749 778 880 894",
    "jewellery and glasses": "452 458 465 532 585 659 680 837 838 907",
    "furniture": (
        "424 432 436 454 493 494 496 517 520 521 527 533 549 560 565 649 704 709 737 766 832 858 862 877 895 897"
    ),
    "kitchenware": (
        "413 428 439 442 464 470 474 500 504-506 513 545 568 573 619 648 654 660 667 713 726 730 739 757 774 "
        "810 814 829 850 869 900 902 910 911 969"
    ),
    "textile and decor": (
        "410 435 471 495 531 534 540 557 589 592 605 608 620 670 701 722 742 751 783 791 795 798 819 847 855 "
        "863 884 886 893 905 906"
    ),
    "care and cosmetics": "420 524 552 586 630 632 679 681 712 721 805 824 839 841 846 1000",
    "appliance": "522 535 546 551 590 607 652 754 761 767 787 812 828 860 883 887 892 898",
    "computer and phone": "488 509 528 529 591 593 606 614 621 663 674 682 708 714 743 811 845 879",
    "screen and camera": "448 599 623 665 689 733 746 759 760 762 852 873",
    "audio and instrument": (
        "402 403 421 433 482 483 486 487 514 542 543 547 559 567 578 580 594 595 633 642 643 651 684 685 688 "
        "700 755 777 823 849 876 882 890 903"
    ),
    "tool": (
        "414 427 429 463 478 489 492 507 508 554 584 588 597 601 617 622 627 634 636 645 675 677 678 686 687 "
        "696 697 715 727 732 740 741 764 765 772 773 779 784 785 788 792 793 817 827 831 856"
    ),
    "toy": "418 612 720 724 801 844 851 871",
    "sport": (
        "417 423 430 431 457 523 544 575 603 616 673 694 702 703 723 734 747 748 753 769 796 802 806 853 881 891"
    ),
    "book and stationery": "399 419 447 550 564 624 710 711 750 768 770 799 917-919 922 923",
    "vehicle": (
        "404-406 408 409 437 445 451 467 469 472 473 476 480 485 511 512 536 538 548 555 556 562 566 570 574 "
        "576 577 587 596 604 610 613 626 628 629 655 657 658 661 662 666 671 672 676 691 695 706 718 725 731 "
        "735 745 752 758 780 781 786 803 804 813 815 818 821 830 834 848 857 865 867 868 872 875 896 909 914 "
        "915"
    ),
    "building": (
        "407 411 416 422 425 426 438 443 449 450 455 459 468 477 481 484 490 498 499 501 510 518 526 537 539 "
        "541 558 563 572 581-583 625 635 638 641 646 650 664 669 683 699 705 707 717 719 728 744 756 763 782 "
        "789 790 800 808 820 822 826 833 836 840 854 859 861 864 866 874 878 885 889 901 913 916 920 921"
    ),
    "landscape": "461 600 647 816 971-981",
    "plant and flower": "959 985-987 989-991",
    "person": "982-984",
    "pet": "152-269 282-286 333 334 339",
    "wild animal": "1-151 270-281 287-332 335-338 340-398",
}

_GOODS_SHOWN = "416 455 468 510 583 789 861 866"
"""Shops and market stalls: the tag is building, but what one points at there is goods."""
_PEOPLE_SHOWN = "417 603 702 703 734 844"
"""Gymnasts' and playgrounds' apparatus, a parachute, a pole: the tag is a thing, but the picture shows people."""

_APPAREL = {"clothing", "accessories"}
_OTHER = {"outdoors", "living"}


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def tag_intent(tag: str) -> str:
    """Return the intent of a tag: apparel, goods or other."""
    topic = TAG_TOPIC[tag]
    return "apparel" if topic in _APPAREL else "other" if topic in _OTHER else "goods"


@cache
def class_tags() -> tuple[str | None, ...]:
    """Return the tag of each of the teacher's 1001 classes; None for background."""
    tags: list[str | None] = [None] * CLASSES
    for tag, text in _TAG_CLASSES.items():
        for number in _numbers(text):
            if tags[number] is not None:
                raise InvalidInput(f"ImageNet class {number} is listed under both {tags[number]!r} and {tag!r}.")
            tags[number] = tag
    return tuple(tags)


@cache
def class_intents() -> tuple[str | None, ...]:
    """Return the intent of each of the teacher's 1001 classes; None for background."""
    intents = [None if tag is None else tag_intent(tag) for tag in class_tags()]
    for number in _numbers(_GOODS_SHOWN):
        intents[number] = "goods"
    for number in _numbers(_PEOPLE_SHOWN):
        intents[number] = "other"
    return tuple(intents)


def tag_matrix() -> npt.NDArray[np.float32]:
    """Return the 0/1 matrix f32 [1001, 42] from ImageNet's classes to tags."""
    matrix = np.zeros((CLASSES, len(TAGS)), np.float32)
    for number, tag in enumerate(class_tags()):
        if tag is not None:
            matrix[number, TAGS.index(tag)] = 1
    return matrix


def intent_matrix() -> npt.NDArray[np.float32]:
    """Return the 0/1 matrix f32 [1001, 3] from ImageNet's classes to intents."""
    matrix = np.zeros((CLASSES, len(INTENTS)), np.float32)
    for number, intent in enumerate(class_intents()):
        if intent is not None:
            matrix[number, INTENTS.index(intent)] = 1
    return matrix


def topic_matrix() -> npt.NDArray[np.float32]:
    """Return the 0/1 matrix f32 [42, 9] from tags to topics."""
    matrix = np.zeros((len(TAGS), len(TOPICS)), np.float32)
    for row, tag in enumerate(TAGS):
        matrix[row, TOPICS.index(TAG_TOPIC[tag])] = 1
    return matrix
