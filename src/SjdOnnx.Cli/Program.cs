Console.WriteLine("sjd");
